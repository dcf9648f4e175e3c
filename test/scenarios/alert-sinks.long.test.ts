// Who is told of alerts, and what they may do about it: receivers that are down, slow, hostile or gone, services on topics, and a broker
// that stops in between. What waits survives, in its order, and hurts nobody else.
import { createHmac } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestAuthority, type TestAuthority } from '../broker/test-pki.ts';
import { connackOf, connect, type House, openHouse } from './harness.ts';
import { plantYaml, readPlant } from './plant.ts';
import { AlertmanagerLike, CloudEventsReceiver, isSigned, parseCloudEvent, type Receiver } from './receivers.ts';

const secret = 'a-secret-of-many-characters';
const classes = 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }';

let house: House;
let receivers: Receiver[];
const opened = async <R extends Receiver>(receiver: R): Promise<R> => {
  await receiver.open();
  receivers.push(receiver);
  return receiver;
};
/** By device. */
let owners: Map<string, string>;
beforeEach(() => {
  receivers = [];
  owners = new Map([['pump-00', 'water']]);
});
afterEach(async () => {
  await house.close();
  await Promise.all(receivers.map((each) => each.close()));
});

const openWith = async (alerts: string, more = '', files = {}) => {
  house = await openHouse({
    yaml: `${classes}\nalerts: ${alerts}\n${plantYaml}\n${more}`,
    files: { 'plant.csv': 'id,owner\npump-00,water\n', secret: { text: `${secret}\n`, mode: 0o600 }, ...files },
  });
  await house.log.until('source.reconciled');
};
const hookAt = (receiver: Receiver, more = '') =>
  `{ webhooks: { hook: { kind: cloudevents, url: '${receiver.url}'${more} } } }`;

/** Reads the source with these devices under this owner; nobody's are alerted of. */
async function own(owner: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) owners.set(id, owner);
  await readPlant(
    house,
    [...owners].map(([id, each]) => `${id},${each}`),
  );
}
const raise = (...ids: string[]): Promise<void> => own('', ids);
const settle = (...ids: string[]): Promise<void> => own('water', ids);
const waiting = (): Promise<number> => fetchMetric('nolapse_notifications_waiting');
async function fetchMetric(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${house.gateway.ports.http}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(text)?.[1]);
}

describe('a webhook', () => {
  it('that is down is told everything in its order once it is back, also after the broker was stopped', async () => {
    const hook = await opened(new CloudEventsReceiver(secret));
    await hook.close();
    await openWith(hookAt(hook, ', secretFile: secret'));
    await raise('pump-1', 'pump-2');
    await house.log.until('sink.failed', { 'nolapse.sink': 'webhooks.hook' });
    await house.log.until('alert.raised', { 'nolapse.alert.subject': 'pump-2' });
    await settle('pump-1');
    await house.log.until('alert.cleared', { 'nolapse.alert.subject': 'pump-1' });
    await house.restart();
    await raise('pump-3');
    await house.log.until('alert.raised', { 'nolapse.alert.subject': 'pump-3' });
    expect(await waiting()).toBe(4);
    await hook.open();
    await hook.untilTold('no_owner/pump-3', 'raised');
    expect(hook.events.map(({ type, data }) => `${type} ${data.subject}`)).toEqual([
      'nolapse.alert.raised pump-1',
      'nolapse.alert.raised pump-2',
      'nolapse.alert.cleared pump-1',
      'nolapse.alert.raised pump-3',
    ]);
    await expect.poll(waiting).toBe(0);
    expect(hook.refused).toEqual([]);
  });

  it('of Alertmanager is told again of what is open, after its own restart too, and once of an end', async () => {
    const manager = await opened(new AlertmanagerLike());
    await openWith(`{ webhooks: { manager: { kind: alertmanager, url: '${manager.url}/', repeat: 1s } } }`);
    await raise('pump-1');
    const first = await manager.untilHaving({ alertname: 'no_owner', subject: 'pump-1' }, 'firing');
    expect(first.labels).toEqual({
      alertname: 'no_owner',
      job: 'nolapse',
      instance: 'localhost',
      subject: 'pump-1',
      severity: 'warning',
    });
    manager.alerts.clear();
    const again = await manager.untilHaving({ subject: 'pump-1' }, 'firing');
    expect(again.startsAt).toBe(first.startsAt);
    await settle('pump-1');
    await manager.untilHaving({ subject: 'pump-1' }, 'resolved');
    const since = manager.told.length;
    await raise('pump-2');
    await manager.until(
      () => (manager.told.filter(({ labels }) => labels['subject'] === 'pump-2').length > 2 ? true : undefined),
      () => 'pump-2 was not told again',
    );
    expect(manager.told.slice(since).some(({ labels }) => labels['subject'] === 'pump-1')).toBe(false);
    expect(manager.faults).toEqual([]);
  });

  it('of Alertmanager that refuses one of what is open is told again of all others', async () => {
    const manager = await opened(new AlertmanagerLike());
    await openWith(`{ webhooks: { manager: { kind: alertmanager, url: '${manager.url}/', repeat: 1s } } }`);
    await raise('pump-1', 'pump-2', 'pump-3');
    await manager.untilHaving({ subject: 'pump-3' }, 'firing');
    await expect.poll(waiting).toBe(0);
    manager.misbehave = (_, response) => {
      const body = manager.requests.at(-1)?.body ?? '';
      if (!body.includes('"pump-2"')) manager.told.push(...(JSON.parse(body) as typeof manager.told));
      response.writeHead(body.includes('"pump-2"') ? 400 : 200).end();
    };
    const since = manager.told.length;
    const again = (subject: string): number =>
      manager.told.slice(since).filter(({ labels }) => labels['subject'] === subject).length;
    await manager.until(
      () => (again('pump-3') > 1 ? true : undefined),
      () => 'pump-3 was not told again',
    );
    expect(again('pump-1')).toBeGreaterThan(1);
    expect(again('pump-2')).toBe(0);
    expect(house.log.lines.some(({ message }) => message?.endsWith('answered 400, told of no_owner/pump-2'))).toBe(
      true,
    );
  });

  it('proves who posted what and when, so that nothing can be forged, changed or replayed later', async () => {
    const hook = await opened(new CloudEventsReceiver(secret));
    await openWith(hookAt(hook, ', secretFile: secret'));
    await raise('pump-1');
    await hook.untilTold('no_owner/pump-1', 'raised');
    const [posted] = hook.requests;
    const header = String(posted?.headers['nolapse-signature']);
    const body = posted?.body ?? '';
    const now = Date.now() / 1_000;
    expect(isSigned(secret, header, body, now)).toBe(true);
    expect(isSigned(secret, header, body.replace('pump-1', 'pump-2'), now)).toBe(false);
    expect(isSigned('another-secret-of-many', header, body, now)).toBe(false);
    expect(isSigned(secret, header, body, now + 301)).toBe(false);
    const later = header.replace(/t=\d+/, `t=${Math.floor(now) + 301}`);
    expect(isSigned(secret, later, body, now + 301)).toBe(false);
    const mac = createHmac('sha256', secret).update(body).digest('hex');
    expect(header).not.toContain(mac);
  });

  it('is sent nothing while its secret or token may be read by others, and the token under its scheme', async () => {
    const hook = await opened(new CloudEventsReceiver(secret));
    await openWith(hookAt(hook, ', secretFile: secret, tokenFile: token, authorization: Token'), '', {
      token: { text: 'abc', mode: 0o644 },
    });
    await raise('pump-1');
    const line = await house.log.until('sink.failed');
    expect(line.message).toContain('can be read by anybody');
    expect(hook.requests).toEqual([]);
    chmodSync(join(house.home, 'token'), 0o600);
    await hook.untilTold('no_owner/pump-1', 'raised');
    expect(hook.requests[0]?.headers.authorization).toBe('Token abc');
    expect(house.log.lines.some((each) => JSON.stringify(each).includes(secret))).toBe(false);
  });

  it('may answer late, hugely, wrongly or elsewhere: it is told again, and nobody waits for it', async () => {
    const elsewhere = await opened(new CloudEventsReceiver(null));
    const bad = await opened(new CloudEventsReceiver(null));
    const good = await opened(new CloudEventsReceiver(null));
    let endless = 0;
    const misdeeds: Receiver['misbehave'][] = [
      (_, response) => void response.writeHead(302, { location: elsewhere.url }).end(),
      (_, response) => void response.writeHead(500).end('x'.repeat(1_000)),
      () => undefined,
      (_, response) => {
        response.writeHead(503);
        const write = (): void => {
          endless += 1;
          if (!response.destroyed && endless < 10_000 && response.write('x'.repeat(65_536))) setImmediate(write);
        };
        write();
      },
      (request) => request.socket.destroy(),
      null,
    ];
    bad.misbehave = (request, response) => {
      const misdeed = misdeeds.shift();
      bad.misbehave = misdeeds[0] === null ? null : bad.misbehave;
      misdeed?.(request, response);
    };
    const url = (receiver: Receiver) => `kind: cloudevents, url: '${receiver.url}', timeout: 3s`;
    await openWith(`{ webhooks: { bad: { ${url(bad)} }, good: { ${url(good)} } } }`);
    const pump = await house.device('pump-0');
    await raise('pump-1');
    await good.untilTold('no_owner/pump-1', 'raised');
    expect(bad.events).toEqual([]);
    expect(await connackOf(house, pump, 'pump-0')).toBe(0);
    const details: string[] = [];
    for (const word of ['a redirect', 'answered 500', 'no answer within 3 s', 'answered 503', 'ended before']) {
      const found = await house.log
        .until('sink.failed', { message: `webhooks.bad could not be told of alerts: ${wordsOf(word)}` })
        .catch((error: unknown) => error);
      details.push(found instanceof Error ? found.message : word);
    }
    expect(details).toEqual(['a redirect', 'answered 500', 'no answer within 3 s', 'answered 503', 'ended before']);
    await bad.untilTold('no_owner/pump-1', 'raised');
    expect(elsewhere.requests).toEqual([]);
    expect(endless).toBeLessThan(10_000);
  }, 90_000);

  it('that will never take one of several is told the others', async () => {
    const hook = await opened(new CloudEventsReceiver(null));
    let down = true;
    hook.misbehave = (_, response) => {
      const body = hook.requests.at(-1)?.body ?? '';
      if (down) response.writeHead(503).end();
      else if (body.includes('pump-2')) response.writeHead(400).end();
      else {
        const told: unknown = JSON.parse(body);
        for (const each of Array.isArray(told) ? told : [told]) hook.events.push(parseCloudEvent(JSON.stringify(each)));
        response.writeHead(200).end();
      }
    };
    await openWith(hookAt(hook));
    await raise('pump-1', 'pump-2', 'pump-3');
    await house.log.until('alert.raised', { 'nolapse.alert.subject': 'pump-3' });
    down = false;
    await house.log.until('notification.dropped', { 'event.reason': 'refused' });
    await expect.poll(() => hook.events.map(({ data }) => data.subject)).toEqual(['pump-1', 'pump-3']);
    await expect.poll(waiting).toBe(0);
  });

  it('has the oldest dropped and counted when too much waits for it', async () => {
    const hook = await opened(new CloudEventsReceiver(null));
    await hook.close();
    await openWith(`{ queue: 5, webhooks: { hook: { kind: cloudevents, url: '${hook.url}' } } }`);
    const ids = Array.from({ length: 12 }, (_, i) => `pump-${String(i).padStart(2, '0')}`);
    for (const id of ids) {
      await raise(id);
      await house.log.until('alert.raised', { 'nolapse.alert.subject': id });
    }
    await house.log.until('notification.dropped', { 'event.reason': 'queue_full', 'nolapse.sink': 'webhooks.hook' });
    await expect.poll(waiting).toBe(5);
    await hook.open();
    await hook.untilTold('no_owner/pump-11', 'raised');
    expect(hook.events.map(({ data }) => data.subject)).toEqual(ids.slice(-5));
    expect(await house.metrics.value('nolapse_notifications_dropped_total', { reason: 'queue_full' })).toBe(7);
  });

  it('that is configured no more leaves nothing waiting', async () => {
    const hook = await opened(new CloudEventsReceiver(null));
    await hook.close();
    await openWith(hookAt(hook));
    await raise('pump-1');
    await house.log.until('sink.failed');
    expect(await waiting()).toBe(1);
    const file = join(house.home, 'nolapse.yaml');
    const before = readFileSync(file, 'utf8');
    await house.restart(() => writeFileSync(file, before.replace(/^alerts:.*$/m, '')));
    await house.restart(() => writeFileSync(file, before));
    await hook.open();
    await raise('pump-2');
    await hook.untilTold('no_owner/pump-2', 'raised');
    expect(hook.of('no_owner/pump-1')).toEqual([]);
  });
});

describe('a webhook over HTTPS', () => {
  let ca: TestAuthority;
  /** Its certificate is for localhost. */
  const openTls = async (): Promise<CloudEventsReceiver> => {
    ca = await createTestAuthority('Receivers CA');
    const hook = new CloudEventsReceiver(secret);
    hook.tls = await ca.issue('receiver', { server: true });
    return opened(hook);
  };

  it('is told where its certificate comes from the CA in caFile, and where the file was replaced meanwhile', async () => {
    const hook = await openTls();
    const other = await createTestAuthority('Receivers CA');
    await openWith(hookAt(hook, ', secretFile: secret, tokenFile: secret, caFile: receivers.pem'), '', {
      'receivers.pem': other.ca,
    });
    await raise('pump-1');
    // The same name and another key: neither a token nor an alert is told to it.
    expect((await house.log.until('sink.failed')).message).toMatch(
      /its certificate is not trusted \(.+\): see caFile$/,
    );
    expect(hook.requests).toEqual([]);
    expect(await waiting()).toBe(1);
    writeFileSync(join(house.home, 'receivers.pem'), ca.ca);
    await hook.untilTold('no_owner/pump-1', 'raised');
    expect(hook.requests).toHaveLength(1);
    expect(hook.requests[0]?.headers.authorization).toBe(`Bearer ${secret}`);
    await expect.poll(waiting).toBe(0);
  });

  it.each([
    ['from a CA nobody named', 'localhost', '', /not trusted \((UNABLE_TO|SELF_SIGNED)\w+\): see caFile$/],
    ['for another name', '127.0.0.1', ', caFile: receivers.pem', /its certificate is for another name: see url$/],
    ['where caFile is gone', 'localhost', ', caFile: gone.pem', /gone\.pem cannot be read: ENOENT$/],
    ['where caFile holds no certificate', 'localhost', ', caFile: secret', /not trusted|cannot be reached/],
  ])('is told nothing with a certificate %s', async (_, name, more, words) => {
    const hook = await openTls();
    const url = `https://${name}:${hook.port}`;
    await openWith(`{ webhooks: { hook: { kind: cloudevents, url: '${url}', tokenFile: secret${more} } } }`, '', {
      'receivers.pem': ca.ca,
    });
    await raise('pump-1');
    expect((await house.log.until('sink.failed')).message).toMatch(words);
    expect(hook.requests).toEqual([]);
    expect(await waiting()).toBe(1);
  });
});

describe('somebody', () => {
  it('takes an alert on, another takes it over and says that it is done with; sinks and the list tell', async () => {
    const hook = await opened(new CloudEventsReceiver(null));
    await openWith(hookAt(hook));
    const { operations } = house.gateway;
    await raise('pump-1');
    await hook.untilTold('no_owner/pump-1', 'raised');
    const name = { kind: 'no_owner', subject: 'pump-1' };
    expect(await operations.acknowledgeAlert({ ...name, by: 'ana' })).toMatchObject({ acknowledgedBy: 'ana' });
    expect(await operations.acknowledgeAlert({ ...name, by: 'ana' })).toMatchObject({ acknowledgedBy: 'ana' });
    expect((await hook.untilTold('no_owner/pump-1', 'acknowledged')).data.acknowledgedBy).toBe('ana');
    expect(await operations.acknowledgeAlert({ ...name, by: 'bo' })).toMatchObject({ acknowledgedBy: 'bo' });
    expect(await operations.doctor()).toContainEqual({
      level: 'warning',
      subject: 'alerts',
      detail: 'open: 0 critical, 1 warning; see nolapse alert list --open',
    });
    expect((await operations.clearAlert(name)).clearedAt).toBeGreaterThan(0);
    await hook.untilTold('no_owner/pump-1', 'cleared');
    expect(hook.of('no_owner/pump-1')).toEqual(['raised', 'acknowledged', 'acknowledged', 'cleared']);
    expect(await operations.listAlerts({ open: true })).toEqual([]);
    expect(await operations.listAlerts({ kind: 'no_owner' })).toMatchObject([name]);
    await expect(operations.acknowledgeAlert({ ...name, by: 'ana' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(operations.showAlert({ ...name, subject: 'x' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(operations.listAlerts({ kind: 'ugly' })).rejects.toMatchObject({ code: 'invalid' });
    await expect(operations.acknowledgeAlert({ ...name, by: '\u001b[2J' })).rejects.toMatchObject({ code: 'invalid' });
  });
});

describe('topics for services', () => {
  const pager =
    'access: { principals: { pager: { subscribe: ["$nolapse/alerts/#"] }, sly: { subscribe: ["$nolapse/alerts/#", "#"] }, all: { publish: ["#"], subscribe: ["#"] } } }';
  const heard = (client: MqttClient): string[] => {
    const topics: string[] = [];
    client.on('message', (topic, payload) => topics.push(`${topic} ${parseCloudEvent(payload.toString()).type}`));
    return topics;
  };

  it('are heard by services whose list has them, also after they were away, and by nobody else', async () => {
    await openWith('{ mqtt: true }', pager);
    const service = { kind: 'service' } as const;
    const own = await house.device('pager', service);
    const everything = await connect(house, await house.device('all', service), 'all');
    const device = await connect(house, await house.device('sly'), 'sly');
    const stay = { clean: false };
    const first = await connect(house, own, 'pager', stay);
    const topics = heard(first);
    const [granted] = await first.subscribeAsync('$nolapse/alerts/#', { qos: 1 });
    expect(granted?.qos).toBe(1);
    await expect(device.subscribeAsync('$nolapse/alerts/#', { qos: 1 })).rejects.toThrow();
    await everything.subscribeAsync('#', { qos: 1 });
    await device.subscribeAsync('#', { qos: 1 });
    const others = [...[everything, device].map(heard)];
    await raise('pump-1');
    await expect.poll(() => topics).toEqual(['$nolapse/alerts/no_owner/pump-1 nolapse.alert.raised']);
    await first.endAsync();
    await settle('pump-1');
    await house.log.until('alert.cleared', { 'nolapse.alert.subject': 'pump-1' });
    await expect.poll(waiting).toBe(0);
    await house.restart();
    const second = connect(house, own, 'pager', { ...stay, manualConnect: false });
    const later = heard(await second);
    await expect.poll(() => later).toEqual(['$nolapse/alerts/no_owner/pump-1 nolapse.alert.cleared']);
    expect(others).toEqual([[], []]);
    await (await second).endAsync();
  });

  it('are published to by nobody but the broker', async () => {
    await openWith('{ mqtt: true }', pager);
    const service = { kind: 'service' } as const;
    const listener = await connect(house, await house.device('pager', service), 'pager');
    const topics = heard(listener);
    await listener.subscribeAsync('$nolapse/alerts/#', { qos: 1 });
    const all = await connect(house, await house.device('all', service), 'all');
    for (const client of [listener, all]) {
      await client.publishAsync('$nolapse/alerts/no_owner/forged', '{}', { qos: 1 });
      await client.publishAsync('$nolapse/alerts/no_owner/kept', '{}', { qos: 1, retain: true });
    }
    expect(house.log.count('access.denied', { 'event.reason': 'publish' })).toBe(4);
    await raise('pump-1');
    await expect.poll(() => topics).toEqual(['$nolapse/alerts/no_owner/pump-1 nolapse.alert.raised']);
    await all.endAsync();
    await listener.endAsync();
  });
});

function wordsOf(word: string): string {
  const words: Record<string, string> = {
    'a redirect': 'answered 302, a redirect: name the place itself',
    'ended before': 'the answer ended before it was whole',
  };
  return words[word] ?? word;
}
