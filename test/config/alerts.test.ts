// What the configuration may say of alerts and who is told of them, and what does not go together.
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

function load(alerts: string, env: Record<string, string> = {}): Config {
  const file = join(directory, 'nolapse.yaml');
  writeFileSync(file, alerts === '' ? '' : `alerts: { ${alerts} }\n`);
  return loadConfig({ file, env });
}

function faultsOf(alerts: string): string[] {
  try {
    load(alerts);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

const cloud = 'kind: cloudevents, url: "https://events.example.net/in?tenant=1"';

describe('alerts', () => {
  it('are told in the log alone when nothing is said', () => {
    expect(load('').alerts).toEqual({
      ...{ retentionMs: 90 * 86_400_000, queue: 10_000, mqtt: false },
      ...{ runbookBase: null, webhooks: new Map() },
    });
  });

  it('say where runbooks are read, by a link with or without a place for the kind', () => {
    for (const good of [
      'https://wiki.example/a',
      'http://wiki/a?x=1',
      'https://wiki.example/{kind}',
      'https://wiki.example/a#x-{kind}',
    ]) {
      expect(load(`runbookBase: "${good}"`).alerts.runbookBase).toBe(good);
    }
    for (const bad of [
      'wiki',
      'ftp://wiki/a',
      'https://a:b@wiki/',
      'https://wiki/a#b',
      'https://wiki/a b',
      'javascript:alert(1)//{kind}',
    ]) {
      expect(faultsOf(`runbookBase: "${bad}"`)).toEqual([
        expect.stringContaining('alerts.runbookBase: expected an http'),
      ]);
    }
  });

  it('have webhooks with their files beside the configuration', () => {
    const more = 'tokenFile: token, caFile: ca.pem, secretFile: /etc/secret, timeout: 2s, repeat: 30s';
    expect(load(`webhooks: { hook: { ${cloud}, ${more} } }`).alerts.webhooks.get('hook')).toEqual({
      kind: 'cloudevents',
      url: 'https://events.example.net/in?tenant=1',
      tokenFile: join(directory, 'token'),
      authorization: 'Bearer',
      caFile: join(directory, 'ca.pem'),
      secretFile: '/etc/secret',
      timeoutMs: 2_000,
      repeatMs: 30_000,
    });
  });

  it('may be told by variables alone', () => {
    const env = {
      NOLAPSE_ALERTS_MQTT: 'true',
      NOLAPSE_ALERTS_WEBHOOKS_PAGER_KIND: 'alertmanager',
      NOLAPSE_ALERTS_WEBHOOKS_PAGER_URL: 'http://127.0.0.1:9093',
    };
    const { mqtt, webhooks } = load('', env).alerts;
    expect(mqtt).toBe(true);
    expect(webhooks.get('pager')).toMatchObject({ kind: 'alertmanager', url: 'http://127.0.0.1:9093' });
  });

  it.each([
    ['url: "https://x/"', ['kind: missing: one of alertmanager, cloudevents']],
    ['kind: cloudevents', ['url: missing: a webhook has one']],
    ['kind: email, url: "https://x/"', ['kind: expected one of alertmanager, cloudevents']],
    ['kind: cloudevents, url: "http://x.example/", tokenFile: t', ['url: the token would be sent in the clear: https']],
    [
      'kind: alertmanager, url: "https://x/?a=b"',
      ['url: Alertmanager is named without a query: the path of its API is added'],
    ],
    [
      'kind: cloudevents, url: "https://me:secret@x/"',
      ['url: expected an http or https URL without a name, a password or a fragment'],
    ],
    [`${cloud}, repeat: 10ms`, ['repeat: expected 1s to 1h']],
    [`${cloud}, colour: red`, ['colour: unknown key']],
  ])('of a webhook { %s } are a fault', (webhook, expected) => {
    expect(faultsOf(`webhooks: { hook: { ${webhook} } }`)).toEqual(
      expected.map((fault) => `alerts.webhooks.hook.${fault}`),
    );
  });

  it('have a bounded queue', () => {
    expect(faultsOf('queue: 0')).toEqual(['alerts.queue: expected a whole number from 1 to 1000000']);
    expect(faultsOf('mqtt: sometimes')).toEqual(['alerts.mqtt: expected true or false']);
  });
});
