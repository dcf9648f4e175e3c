// The broker is killed with SIGKILL between PUBREC and PUBREL, in either direction: once the clients have come back, the message
// has been delivered exactly once.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { Mortal } from './mortal.ts';
import { publishPacket, Raw } from './raw.ts';

const yaml = `
mqtt: { port: 0 }
http: { port: 0 }
access: { principals: { backend: { subscribe: ['devices/#'] } } }
classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }
`;
const topic = 'devices/pump-1/x';

let home: string;
let gateway: Mortal;
let pump: IssuedView;
let backend: IssuedView;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-kill-'));
  writeFileSync(join(home, 'nolapse.yaml'), yaml);
  gateway = await Mortal.start(home);
  pump = await issue('pump-1', 'device');
  backend = await issue('backend', 'service');
});
afterEach(async () => {
  await gateway.kill();
  rmSync(home, { recursive: true, force: true });
});

async function issue(id: string, kind: 'device' | 'service'): Promise<IssuedView> {
  await gateway.call('addDevice', { id, owner: 'tests', kind });
  return gateway.call('issueDevice', { id });
}

/** As a session that outlives its connection. */
const publisher = (): Promise<Raw> => Raw.connect(gateway.ports.mqtt, pump, 'pump-1', { clean: false });
const subscriber = (): Promise<Raw> => Raw.connect(gateway.ports.mqtt, backend, 'backend', { clean: false });

/** Has it subscribe, and go. */
async function leaveSubscribed(): Promise<void> {
  const raw = await subscriber();
  raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'devices/#', qos: 2 }] });
  await raw.next('suback');
  raw.send({ cmd: 'disconnect' });
  await raw.ended();
}

async function killAndStart(...clients: readonly Raw[]): Promise<void> {
  await gateway.kill();
  for (const client of clients) await client.ended();
  gateway = await Mortal.start(home);
}

const message = (messageId: number, payload: string, dup = false) =>
  publishPacket(topic, payload, { qos: 2, messageId, dup });

/** Takes messages to the end of their exchange until `last` has come; returns all that came, in order. */
async function receiveUntil(raw: Raw, last: string): Promise<string[]> {
  const seen: string[] = [];
  while (!seen.includes(last)) {
    const [packet] = (await raw.next('publish', seen.length + 1)).slice(seen.length);
    seen.push(String(packet?.payload));
    raw.send({ cmd: 'pubrec', messageId: packet?.messageId ?? 0 });
    await raw.until(() => raw.of('pubrel').some(({ messageId }) => messageId === packet?.messageId));
    raw.send({ cmd: 'pubcomp', messageId: packet?.messageId ?? 0 });
  }
  return seen;
}

/** Publishes one message to the end of its exchange. */
async function publish(raw: Raw, messageId: number, payload: string): Promise<void> {
  raw.send(message(messageId, payload));
  await raw.until(() => raw.of('pubrec').some((packet) => packet.messageId === messageId));
  raw.send({ cmd: 'pubrel', messageId });
  await raw.until(() => raw.of('pubcomp').some((packet) => packet.messageId === messageId));
}

describe('a QoS 2 message from a client to the broker', () => {
  it.each([
    ['after PUBREC, which the client has', true],
    ['after a PUBREC that was lost on its way', false],
  ])('is delivered once when the broker is killed %s', { timeout: 120_000 }, async (_, hasPubrec) => {
    await leaveSubscribed();
    const first = await publisher();
    first.send(message(7, 'once'));
    await first.next('pubrec');
    await killAndStart(first);

    const back = await publisher();
    if (!hasPubrec) {
      back.send(message(7, 'once', true));
      await back.next('pubrec');
    }
    back.send({ cmd: 'pubrel', messageId: 7 });
    await back.next('pubcomp');
    // The identifier is free again: what bears it now is another message.
    await publish(back, 7, 'last');
    expect(await receiveUntil(await subscriber(), 'last')).toEqual(['once', 'last']);
  });

  it('is still known after a second death, and after the client sent it again', { timeout: 120_000 }, async () => {
    await leaveSubscribed();
    const first = await publisher();
    first.send(message(7, 'once'));
    await first.next('pubrec');
    await killAndStart(first);
    const second = await publisher();
    second.send(message(7, 'once', true));
    await second.next('pubrec');
    await killAndStart(second);
    const third = await publisher();
    third.send(message(7, 'once', true), { cmd: 'pubrel', messageId: 7 });
    await third.next('pubcomp');
    await publish(third, 8, 'last');
    expect(await receiveUntil(await subscriber(), 'last')).toEqual(['once', 'last']);
  });
});

/** A message is published, and its subscriber has it and has not answered. */
async function halfway() {
  await leaveSubscribed();
  const [listening, sender] = [await subscriber(), await publisher()];
  await publish(sender, 1, 'once');
  const [sent] = await listening.next('publish');
  return { listening, sender, sent };
}

describe('a QoS 2 message from the broker to a subscriber', () => {
  it('is released, and not sent again, when the broker is killed after the subscriber’s PUBREC', {
    timeout: 120_000,
  }, async () => {
    const { listening, sender, sent } = await halfway();
    const messageId = sent?.messageId ?? 0;
    listening.send({ cmd: 'pubrec', messageId });
    await listening.next('pubrel');
    await killAndStart(listening, sender);

    const back = await subscriber();
    expect(await back.next('pubrel')).toMatchObject([{ messageId }]);
    expect(back.of('publish')).toEqual([]);
    back.send({ cmd: 'pubcomp', messageId });
    await publish(await publisher(), 2, 'last');
    expect(await receiveUntil(back, 'last')).toEqual(['last']);
    // It is owed nothing more.
    await killAndStart(back);
    await publish(await publisher(), 3, 'the end');
    expect(await receiveUntil(await subscriber(), 'the end')).toEqual(['the end']);
  });

  it('is sent again with DUP and its identifier when the broker is killed before PUBREC arrived', {
    timeout: 120_000,
  }, async () => {
    const { listening, sender, sent } = await halfway();
    await killAndStart(listening, sender);

    const back = await subscriber();
    const [again] = await back.next('publish');
    // By these two a subscriber knows that it has it already.
    expect(again).toMatchObject({ dup: true, messageId: sent?.messageId, payload: sent?.payload });
    await publish(await publisher(), 2, 'last');
    expect(await receiveUntil(back, 'last')).toEqual(['once', 'last']);
  });
});
