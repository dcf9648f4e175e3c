// What the configuration may say of inventory sources, and what does not go together in one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config/fault.ts';
import { type Config, loadConfig } from '../../src/config/index.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'nolapse-config-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function load(source: string, env: Record<string, string> = {}): Config {
  const file = join(directory, 'nolapse.yaml');
  writeFileSync(file, source === '' ? '' : `sources: { plant: { ${source} } }\n`);
  return loadConfig({ file, env });
}

function faultsOf(source: string, env: Record<string, string> = {}): string[] {
  try {
    load(source, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

const file = 'kind: file, path: plant.csv';
const http = 'kind: http, url: "https://cmdb.example.net/devices"';

describe('a source', () => {
  it('in a file lies beside the configuration, and its name tells its format', () => {
    const { place, rules } = load(file).sources.get('plant') ?? {};
    expect(place).toEqual({ kind: 'file', path: join(directory, 'plant.csv'), format: 'csv' });
    expect(rules).toMatchObject({ everyMs: 3_600_000, missingShareMax: 0.05, map: null });
    expect([...(rules?.statuses ?? [])]).toEqual([
      ['active', 'active'],
      ['decommissioned', 'decommissioned'],
    ]);
    expect(load('kind: file, path: /srv/x.ndjson').sources.get('plant')?.place).toMatchObject({ format: 'jsonl' });
    expect(load('kind: file, path: x.txt, format: csv').sources.get('plant')?.place).toMatchObject({ format: 'csv' });
  });

  it('behind HTTP has its token and its CA beside the configuration', () => {
    const more = 'rows: results, next: next, count: count, tokenFile: token, caFile: ca.pem, missingMax: 0%';
    expect(load(`${http}, ${more}`).sources.get('plant')).toMatchObject({
      place: {
        rows: 'results',
        page: null,
        tokenFile: join(directory, 'token'),
        caFile: join(directory, 'ca.pem'),
        authorization: 'Bearer',
        timeoutMs: 30_000,
      },
      rules: { missingShareMax: 0 },
    });
  });

  it('may be made and changed by variables alone', () => {
    const env = {
      NOLAPSE_SOURCES_PLANT_KIND: 'file',
      NOLAPSE_SOURCES_PLANT_PATH: '/srv/plant.csv',
      NOLAPSE_SOURCES_PLANT_MAP: 'id=name, site = site.slug',
      NOLAPSE_SOURCES_PLANT_FIXED: 'kind=gateway',
      NOLAPSE_SOURCES_PLANT_STATUSES_IGNORED: 'planned,spare',
      NOLAPSE_SOURCES_PLANT_MISSINGMAX: '10%',
    };
    const { rules } = load('', env).sources.get('plant') ?? {};
    expect([...(rules?.map ?? [])]).toEqual([
      ['id', 'name'],
      ['site', 'site.slug'],
    ]);
    expect([...(rules?.fixed ?? [])]).toEqual([['kind', 'gateway']]);
    expect(rules?.statuses.get('spare')).toBe('ignored');
    expect(rules?.missingShareMax).toBe(0.1);
    const broken = { ...env, NOLAPSE_SOURCES_PLANT_MAP: 'id' };
    expect(faultsOf('', broken)).toEqual([expect.stringMatching(/^sources\.plant\.map: expected names .*_MAP\)$/)]);
  });

  it.each([
    ['path: plant.csv', ['kind: missing: file or http']],
    ['kind: ldap', ['kind: expected file or http']],
    ['kind: file', ['path: missing: a source of kind file has one']],
    ['kind: http', ['url: missing: a source of kind http has one']],
    [`${file}, url: "https://x/"`, ['url: means nothing to a source of kind file']],
    [
      `${file}, tokenFile: token, next: next`,
      ['next: means nothing to a source of kind file', 'tokenFile: means nothing to a source of kind file'],
    ],
    [`${http}, path: x.csv`, ['path: means nothing to a source of kind http']],
    [
      'kind: file, path: plant.xlsx',
      ['format: missing: the name of the file does not tell whether it is csv or jsonl'],
    ],
    [`${http}, next: next, page: page`, ['page: pages have a link to the next one or a number, not both']],
    ['kind: http, url: "http://cmdb.example.net/", tokenFile: t', ['url: the token would be sent in the clear: https']],
    ['kind: http, url: "ftp://x/"', ['url: expected an http or https URL without a name, a password or a fragment']],
    [
      'kind: http, url: "https://me:secret@x/"',
      ['url: expected an http or https URL without a name, a password or a fragment'],
    ],
    [`${file}, map: { name: x }`, ['map: it says nothing of id', 'map.name: no field of the inventory']],
    [
      `${file}, map: { id: a..b }`,
      ['map.id: expected a field, or fields within one another with dots between, such as site.slug'],
    ],
    [`${file}, fixed: { id: x }`, ['fixed.id: nothing that all devices may share']],
    [`${file}, map: { id: x, site: y }, fixed: { site: z }`, ['fixed.site: in map as well']],
    [
      `${file}, fixed: { class: metre, kind: gatway, slots: many, site: north }`,
      [
        'fixed.class: metre is not configured',
        'fixed.kind: not one of device, gateway, service',
        'fixed.slots: not a whole number from 1 to 1000',
      ],
    ],
    [`${file}, statuses: { active: [on], ignored: [on] }`, ['statuses: on is listed twice']],
    [`${file}, missingMax: 200%`, ['missingMax: expected a share from 0% to 100%']],
    [`${file}, missingMax: 5d`, ['missingMax: expected a share from 0% to 100%']],
    [`${file}, every: 10ms`, ['every: expected 1s to 365d']],
    [`${file}, colour: red`, ['colour: unknown key']],
  ])('of { %s } is a fault', (source, expected) => {
    expect(faultsOf(source).sort()).toEqual(expected.map((fault) => `sources.plant.${fault}`).sort());
  });

  it('may send its token to this very machine in the clear', () => {
    for (const host of ['localhost', '127.0.0.1:8000', '[::1]']) {
      expect(faultsOf(`kind: http, url: "http://${host}/devices", tokenFile: t`)).toEqual([]);
    }
    expect(faultsOf('kind: http, url: "http://127.example.net/", tokenFile: t')).toHaveLength(1);
  });
});
