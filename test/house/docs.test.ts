// Holds the pages of docs/ against the tables in the code, in both directions: a page that misses something is wrong, and so is
// one that tells of something that is not there.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { inventoryFields } from '../../src/app/inventory/check-principal.ts';
import { ConfigError } from '../../src/config/fault.ts';
import { type Config, loadConfig } from '../../src/config/index.ts';
import { anyName, type ConfigKey, configKeys } from '../../src/config/keys.ts';
import { defaultTemplates } from '../../src/domain/acl.ts';
import { alertKinds } from '../../src/domain/alert.ts';
import { darkReasons } from '../../src/domain/forecast.ts';
import {
  type OperationCode,
  operationCodes,
  type RequestCode,
  requestCodes,
} from '../../src/domain/operation-codes.ts';
import { parseDuration } from '../../src/domain/time.ts';
import { problemTable } from '../../src/http/api/problem.ts';
import { statusOf } from '../../src/http/control.ts';
import { actions } from '../../src/telemetry/actions.ts';
import { metricTable } from '../../src/telemetry/metric-table.ts';
import { allPages } from './pages.ts';

const configurationPage = readFileSync('docs/configuration.md', 'utf8');
const operationsPage = readFileSync('docs/operations.md', 'utf8');

/** Every source file's text, by path. */
function sources(): Map<string, string> {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return new Map(files.map((file) => [file, readFileSync(join('src', file), 'utf8')]));
}

/** The text below a heading, up to the next heading of the same level. */
function section(page: string, heading: string): string {
  const [, after] = page.split(`\n## ${heading}\n`);
  if (after === undefined) throw new Error(`there is no heading "${heading}"`);
  return after.split('\n## ')[0] ?? '';
}

/** The rows of every table in the text, as cells without their padding; heads and rules left out. */
function rows(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  const cells = lines.map((line) => line.slice(1, -1).split('|')).map((row) => row.map((cell) => cell.trim()));
  return cells.filter(([first = ''], index) => !/^-+$/.test(first) && !/^-+$/.test(cells[index + 1]?.[0] ?? ''));
}

/** What stands in code marks within a cell. */
function codes(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

function namesIn(text: string): string[] {
  return rows(text).flatMap(([first = '']) => codes(first));
}

function sorted(names: Iterable<string>): string[] {
  return [...names].sort();
}

interface Row {
  readonly key: ConfigKey;
  readonly type: string;
  readonly range: readonly [string, string] | null;
  readonly default: string;
  readonly variable: string;
}

const keysByName = new Map(configKeys.map((key) => [key.path.join('.'), key]));
const keyRows: readonly Row[] = rows(configurationPage)
  .filter((cells) => cells.length === 5)
  .map(([name = '', type = '', fallback = '', variable = '']) => {
    const key = keysByName.get(codes(name)[0] ?? '');
    if (!key) throw new Error(`${name} is no key of the schema`);
    const [, bare = '', least = '', most = ''] = /^(\w+)(?:, (\S+) to (\S+))?$/.exec(type) ?? [];
    return {
      key,
      type: bare,
      range: least ? [least, most] : null,
      default: fallback,
      variable: codes(variable)[0] ?? '',
    };
  });

/** The faults a single variable causes, for its own key. */
function faultsOf({ key, variable }: Row, value: string): string[] {
  const name = key.path[0] === 'criticalities' ? 'high' : 'sample';
  const path = key.path.map((step) => (step === anyName ? name : step)).join('.');
  try {
    loadConfig({ env: { [variable.replace('<NAME>', name.toUpperCase())]: value } });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.filter((fault) => fault.path === path || fault.path === variable).map((fault) => fault.message);
  }
}

describe('docs/configuration.md', () => {
  it('has a row for every key of the schema, and no other', () => {
    expect(sorted(keyRows.map(({ key }) => key.path.join('.')))).toEqual(sorted(keysByName.keys()));
  });

  it.each(keyRows)('tells the type and the variable of $variable', ({ key, type, variable }) => {
    const kinds: Record<string, string> = {
      duration: 'text',
      span: 'text',
      text: 'text',
      number: 'number',
      boolean: 'boolean',
      list: 'list',
      share: 'text',
      map: 'map',
    };
    expect(kinds[type]).toBe(key.kind);
    expect(variable).toBe(`NOLAPSE_${key.path.map((step) => step.toUpperCase()).join('_')}`);
  });

  it.each(keyRows)('tells the default of $variable', ({ key, default: fallback }) => {
    const [root, kind = '', list = ''] = key.path;
    const ofAccess = new Map(Object.entries(defaultTemplates)).get(kind) as Record<string, string[]> | undefined;
    const known = root === 'access' ? (ofAccess?.[list] ?? []) : key.default;
    const expected = Array.isArray(known) ? known.map(String) : known === undefined ? [] : [String(known)];
    expect(codes(fallback)).toEqual(expected);
    if (expected.length === 0) expect(fallback).toBe(key.kind === 'list' ? 'empty' : 'none');
  });

  it.each(keyRows.filter(({ type }) => type === 'number' || type === 'duration'))(
    'tells the range of $variable',
    (row) => {
      if (!row.range) {
        // Only the lifetime of a policy has its bounds in words: what it may be depends on the keys beside it.
        expect(['classes', 'criticalities']).toContain(row.key.path[0]);
        expect(row.key.path.slice(1)).toEqual([anyName, 'lifetime']);
        return;
      }
      const isNumber = row.type === 'number';
      const unit = isNumber ? '' : 'ms';
      const [least, most] = row.range.map((bound) => (isNumber ? Number(bound) : (parseDuration(bound) ?? Number.NaN)));
      const complaint = expect.stringMatching(/^expected /);
      expect(faultsOf(row, `${least}${unit}`)).not.toContainEqual(complaint);
      expect(faultsOf(row, `${most}${unit}`)).not.toContainEqual(complaint);
      if (least !== 0) expect(faultsOf(row, `${(least ?? 0) - 1}${unit}`)).toContainEqual(complaint);
      expect(faultsOf(row, `${(most ?? 0) + 1}${unit}`)).toContainEqual(complaint);
    },
  );

  it('names the variables that are no keys, and the command line or the configuration reads each of them', () => {
    const named = namesIn(section(configurationPage, 'Variables that are no keys'));
    const read = [...sources().values()].flatMap((text) => text.match(/NOLAPSE_[A-Z_]*[A-Z]/g) ?? []);
    const ofKeys = new Set(keyRows.map(({ variable }) => variable));
    expect(sorted(named)).toEqual(sorted(new Set(read.filter((variable) => !ofKeys.has(variable)))));
  });
});

describe('the complete example', () => {
  const text = /```yaml\n([\s\S]*?)```/.exec(section(configurationPage, 'A complete example'))?.[1] ?? '';
  let folder = '';
  let config: Config;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nolapse-docs-'));
    const file = join(folder, 'nolapse.yaml');
    writeFileSync(file, text);
    config = loadConfig({ file, env: {} });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('has every key', () => {
    const found = new Set<string>();
    const chosen = new Set(['default', 'critical', 'billing', 'netbox', 'plant', 'cmdb', 'pager', 'audit']);
    const walk = (value: unknown, path: readonly string[]): void => {
      const key = path.join('.');
      if (keysByName.has(key) || typeof value !== 'object' || value === null) found.add(key);
      else {
        for (const [step, inner] of Object.entries(value)) walk(inner, [...path, chosen.has(step) ? anyName : step]);
      }
    };
    // `meter` would hide what `default` says; that one class is complete is enough.
    const tree = parse(text) as { classes: { meter?: unknown } };
    delete tree.classes.meter;
    walk(tree, []);
    // A criticality has the keys of a class: an example says some of them.
    const isOfCriticality = (key: string): boolean => key.startsWith('criticalities.');
    const [careful, others] = [
      sorted(found).filter(isOfCriticality),
      sorted(found).filter((key) => !isOfCriticality(key)),
    ];
    expect(others).toEqual(sorted(keysByName.keys()).filter((key) => !isOfCriticality(key)));
    expect(careful.length).toBeGreaterThan(0);
    for (const key of careful) expect(keysByName.has(key)).toBe(true);
  });

  it('differs from the defaults only where it says so', () => {
    const plain = loadConfig({ env: {} });
    expect(config.policies.get('default')?.high.policy).toEqual(plain.policies.get('default')?.high.policy);
    for (const key of ['skewMs', 'limits', 'crl', 'sweep', 'findings', 'log'] as const)
      expect(config[key]).toEqual(plain[key]);
    expect(config.access.kinds).toEqual(plain.access.kinds);
    expect([config.mqtt.port, config.http.port]).toEqual([plain.mqtt.port, plain.http.port]);
    expect(config.bootstrap.anchors).toEqual([join(folder, 'factory-ca.pem')]);
  });
});

describe('docs/api.md', () => {
  it('lists every code of an error with its status and what it means, and no other', () => {
    const listed = rows(section(readFileSync('docs/api.md', 'utf8'), 'Errors')).map(([code = '', status, meaning]) => [
      codes(code)[0],
      status,
      meaning,
    ]);
    const known = problemTable.map(({ code, status, meaning }) => [
      code,
      `${status}`,
      `${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}.`,
    ]);
    expect(listed).toEqual(known);
  });
});

describe('docs/operations.md', () => {
  it('lists every decision with its level, and no other', () => {
    const listed = rows(section(operationsPage, 'Decisions')).map(([name = '', level]) => [
      codes(name)[0] ?? '',
      level,
    ]);
    const known = Object.entries(actions).map(([name, { level }]) => [name, level]);
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(known));
    expect(listed).toHaveLength(known.length);
  });

  it('lists every code that an operation over the control socket fails with, and no other', () => {
    const [, socket = ''] = section(operationsPage, 'Looking').split('\n### The control socket\n');
    const listed = rows(socket.split('\n### ')[0] ?? '').map(([name = '', status, meaning]) => [
      codes(name)[0] ?? '',
      status,
      meaning,
    ]);
    const meant = (meaning: string): string => `${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}.`;
    const ofRequests = { bad_request: '400, 413, 415', no_such_resource: '404', internal: '500' };
    const known = [
      ...Object.entries(operationCodes).map(([code, meaning]) => [
        code,
        `${statusOf[code as OperationCode]}`,
        meant(meaning),
      ]),
      ...Object.entries(requestCodes).map(([code, meaning]) => [code, ofRequests[code as RequestCode], meant(meaning)]),
    ];
    expect(listed).toEqual(known);
  });

  it('lists every metric with its type and its labels, and no other', () => {
    const listed = rows(section(operationsPage, 'Metrics')).map(([name = '', type, labels = '']) => [
      codes(name)[0] ?? '',
      { type, labels: codes(labels) },
    ]);
    const known = Object.entries(metricTable).map(([name, { type, labels }]) => [
      name,
      { type, labels: Object.keys(labels) },
    ]);
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(known));
    expect(listed).toHaveLength(known.length);
  });

  it('lists every field of an inventory record, and no other', () => {
    const listed = rows(section(operationsPage, 'The inventory')).map(([name = '']) => codes(name)[0] ?? '');
    expect(sorted(listed)).toEqual(sorted(inventoryFields));
  });

  it('lists every reason of a forecast with what it means, and no other', () => {
    const [, forecasts = ''] = section(operationsPage, 'Devices that come rarely').split('### nolapse forecast');
    const listed = rows(forecasts).map(([reason = '', meaning = '']) => [
      codes(reason)[0] ?? '',
      meaning.toLowerCase(),
    ]);
    const known = Object.entries(darkReasons).map(([reason, meaning]) => [reason, `${meaning.toLowerCase()}.`]);
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(known));
    expect(listed).toHaveLength(known.length);
  });

  it('lists every kind of alert with what it means, and no other', () => {
    const [kinds = ''] = section(operationsPage, 'Alerts').split('\n### ');
    const listed = rows(kinds).map(([kind = '', meaning = '']) => [codes(kind)[0] ?? '', meaning.toLowerCase()]);
    const known = Object.entries(alertKinds).map(([kind, { meaning }]) => [kind, `${meaning.toLowerCase()}.`]);
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(known));
    expect(listed).toHaveLength(known.length);
  });

  it('has a runbook for every kind of alert: what to look at, what to do, and what by hand', () => {
    const chapters = section(operationsPage, 'Alerts').split('\n### ').slice(1);
    const runbooks = new Map(chapters.map((text) => [text.slice(0, text.indexOf('\n')), text]));
    expect(sorted(runbooks.keys())).toEqual(sorted([...Object.keys(alertKinds), 'Who is told']));
    runbooks.delete('Who is told');
    for (const text of runbooks.values()) expect(text).toMatch(/\*\*Look\*\*[\s\S]*\*\*Do\*\*[\s\S]*\*\*By hand\*\*/);
  });
});

describe('the fields of the log', () => {
  const named = sorted(namesIn(section(operationsPage, 'Log fields')));
  // As a key, or as a name that is kept for one.
  const field =
    /(?<!: )'((?:client|ecs|error|event|log|nolapse|process|service|source|tls|url)\.[a-z0-9_.]+)'(?:\]?:|;)/g;

  it('each have a row, and no other has', () => {
    const texts = [...sources()].filter(([file]) => !file.startsWith('simulator')).map(([, text]) => text);
    const written = texts.flatMap((text) => [...text.matchAll(field)].map(([, name = '']) => name));
    const fields = new Set(written.filter((name) => !Object.hasOwn(actions, name) && name !== 'log.level'));
    expect(named).toEqual(sorted(fields));
  });
});

describe('what the code tells', () => {
  it('is on the list of decisions', () => {
    const told = [...sources().entries()]
      .filter(([file]) => !file.startsWith('simulator'))
      .flatMap(([, text]) => [...text.matchAll(/\baction: '([a-z_]+\.[a-z_]+)'/g)])
      .map(([, action = '']) => action);
    expect(told.length).toBeGreaterThan(10);
    expect(sorted(new Set(told)).filter((action) => !Object.hasOwn(actions, action))).toEqual([]);
  });
});

describe('what the pages name', () => {
  const pages = allPages();

  it.each(pages)('%s names only files of the repository that are there', (page) => {
    const named = codes(readFileSync(page, 'utf8')).filter((text) =>
      /^(src|test|docs|examples|docker|\.ci)\/\S+$/.test(text),
    );
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
  });

  it('includes a test for every mechanism of the threat model', () => {
    const page = readFileSync('docs/threat-model.md', 'utf8');
    const attempts = rows(section(page, 'Who, what they may try, what stops them'));
    expect(attempts.length).toBeGreaterThan(20);
    const bare = attempts.filter(([, stops = '', tests = '']) => !/nothing/i.test(stops) && codes(tests).length === 0);
    expect(bare).toEqual([]);
  });
});

describe('docs/broker.md', () => {
  /** What these bound is the enrollment's. */
  const ofEnrollment = new Set([
    'limits.csrBytes',
    'limits.offersPerSecond',
    'limits.issuancesPerSecond',
    'limits.announcementsPerSecond',
  ]);

  it('has every limit of the broker with its default, and no other', () => {
    const told = rows(section(readFileSync('docs/broker.md', 'utf8'), 'Limits'));
    const listed = told.map(([key = '', value = '']) => [codes(key)[0], codes(value)[0]]);
    const limits = [...keysByName].filter(([name]) => name.startsWith('limits.') && !ofEnrollment.has(name));
    expect(sorted(listed.map(String))).toEqual(sorted(limits.map(([name, key]) => String([name, key.default]))));
  });
});
