// A device whose CONNACK was lost reports its replacement as unusable, after the broker has seen it: it is given another, once, on its own
// connection under the certificate that was replaced. On the real broker, over real TLS.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyMode } from '../../src/domain/principal.ts';
import { splitReplacement, unwrapKey } from '../../src/simulator/unwrap.ts';
import { type Credentials, connackOf, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { fetchStretch, nextIssued, type Offer, replacementOf, totalOf } from './piecemeal.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

const yaml = `
classes:
  default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h, retryFirst: 1s, retryMax: 1s, keyModes: [csr, recertify, keygen] }
`;

let house: House;
let now = Date.now();
const open: Speaker[] = [];
beforeEach(async () => {
  now = Date.now();
  house = await openHouse({ yaml, clock: { now: () => now } });
});
afterEach(async () => {
  for (const { client } of open.splice(0)) await client.endAsync(true);
  await house.close();
});

async function first(device: Speaker, mode: KeyMode, keyPem: string) {
  if (mode === 'csr') {
    const { renewal } = await device.next('offer');
    return { renewal, replacement: await take(device, renewal) };
  }
  const { offer, got } = await fetch(device, keyPem);
  return { renewal: offer.renewal, replacement: got };
}

interface Stranded {
  readonly id: string;
  readonly old: Credentials & { readonly rootPem: string };
  readonly replacement: Credentials;
  readonly renewal: string;
}

async function speak(id: string, credentials: Credentials): Promise<Speaker> {
  const speaker = new Speaker(await connect(house, credentials, id), id);
  open.push(speaker);
  return speaker;
}

async function listening(id: string, credentials: Credentials): Promise<Speaker> {
  const speaker = await (await speak(id, credentials)).listen();
  await speaker.say({ word: 'hello', maxPacket: 4_096 });
  return speaker;
}

async function take(device: Speaker, renewal: string): Promise<Credentials> {
  const { csr, keyPem } = await newRequest(device.id);
  await device.say({ word: 'csr', renewal, csr });
  const { certificates } = await device.next('cert');
  await device.say({ word: 'ack', renewal, status: 'installed' });
  return { certificatePem: pemOf(certificates), keyPem };
}

/** Fetches what is offered: a certificate over the key it has, or with a key for it. */
async function fetch(device: Speaker, keyPem: string): Promise<{ readonly offer: Offer; readonly got: Credentials }> {
  const offer = await nextIssued(device);
  const bytes = replacementOf(offer, await fetchStretch(device, offer, 0, totalOf(offer)));
  const { certificate, envelope } = splitReplacement(bytes);
  await device.say({ word: 'ack', renewal: offer.renewal, status: 'installed' });
  return {
    offer,
    got: { certificatePem: pemOf([certificate]), keyPem: envelope ? unwrapKey(envelope, keyPem) : keyPem },
  };
}

/** A device whose replacement was seen on a connection, and who never got as far as saying anything on it. */
async function stranded(id: string, mode: KeyMode = 'csr'): Promise<Stranded> {
  await house.gateway.operations.addDevice({ id, owner: 'tests', modes: [mode] });
  const old = await house.gateway.operations.issueDevice({ id });
  const device = await listening(id, old);
  await house.gateway.operations.runRenewal({ device: id });
  const { renewal, replacement } = await first(device, mode, old.keyPem);
  await device.client.endAsync(true);
  await (await connect(house, replacement, id)).endAsync(true);
  await house.log.until('renewal.activated', { 'nolapse.renewal': renewal });
  return { id, old, replacement, renewal };
}

const failed = (renewal: string) => ({ word: 'ack', renewal, status: 'failed', code: 'refused' }) as const;
const shown = (device: string) => house.gateway.operations.showDevice({ id: device });

describe('a device that reports a replacement as unusable which was seen', () => {
  it('is given another under the old certificate, whose end does not move; the first is superseded by it', async () => {
    const { id, old, replacement, renewal } = await stranded('dev-1');
    const before = await shown(id);
    const endOf = (certificates: typeof before.certificates, state: string) =>
      certificates.find((each) => each.state === state);
    const device = await speak(id, old);
    await device.say(failed(renewal));
    await device.say({ word: 'hello', maxPacket: 4_096 });
    await device.listen();
    const offer = await device.next('offer');
    expect(offer.renewal).not.toBe(renewal);
    const overlapUntil = endOf(before.certificates, 'superseded')?.overlapUntil ?? 0;
    expect(offer.deadline).toBe(Math.floor(overlapUntil / 1_000));
    expect((await shown(id)).certificates).toEqual(before.certificates);

    const third = await take(device, offer.renewal);
    await device.client.endAsync(true);
    const renewed = await listening(id, third);
    const done = await renewed.next('done');
    expect(done).toMatchObject({ renewal: offer.renewal, retires: Math.floor(overlapUntil / 1_000) });
    const after = await shown(id);
    expect(after.certificates.map(({ state }) => state)).toEqual(['active', 'superseded', 'superseded']);
    const oldAfter = after.certificates.at(-1);
    expect(oldAfter?.overlapUntil).toBe(overlapUntil);
    expect(oldAfter?.notAfter).toBe(before.certificates.at(-1)?.notAfter);
    expect(await connackOf(house, replacement, id)).toBe(0);
    const alerts = await house.gateway.operations.listAlerts({});
    expect(alerts.map(({ kind, subject }) => [kind, subject])).toContainEqual(['retired_credential_in_use', id]);

    now = overlapUntil + 1;
    await house.log.until('renewal.retired', { 'nolapse.renewal': renewal });
    await house.log.until('renewal.retired', { 'nolapse.renewal': offer.renewal });
    expect(await connackOf(house, old, id)).toBe(5);
    expect(await connackOf(house, third, id)).toBe(0);
  });

  it.each(['recertify', 'keygen'] as const)(
    'is given it over the key it speaks under, in mode %s',
    async (mode: KeyMode) => {
      const { id, old, renewal } = await stranded('dev-1', mode);
      const device = await listening(id, old);
      await device.say(failed(renewal));
      const { offer, got } = await fetch(device, old.keyPem);
      expect(offer).toMatchObject({ mode, renewal: expect.not.stringMatching(renewal) });
      await device.client.endAsync(true);
      const renewed = await listening(id, got);
      expect((await renewed.next('done')).renewal).toBe(offer.renewal);
    },
  );

  it('is offered the same again when its report comes twice, also after a restart, and no third', async () => {
    const { id, old, renewal } = await stranded('dev-1');
    const device = await listening(id, old);
    await device.say(failed(renewal));
    const { renewal: other } = await device.next('offer');
    await device.say(failed(renewal));
    expect((await device.next('offer')).renewal).toBe(other);
    await device.client.endAsync(true);
    await house.restart();
    const again = await listening(id, old);
    await again.say(failed(renewal));
    expect((await again.next('offer')).renewal).toBe(other);
    expect((await shown(id)).renewals.map((each) => each.id)).toEqual([other, renewal]);
  });

  it('is refused when the other renewal has ended', async () => {
    const { id, old, replacement, renewal } = await stranded('dev-1');
    const device = await listening(id, old);
    await device.say(failed(renewal));
    const { renewal: other } = await device.next('offer');
    await device.client.endAsync(true);
    const forward = await listening(id, replacement);
    expect((await forward.next('done')).renewal).toBe(renewal);
    await house.log.until('renewal.cancelled', { 'nolapse.renewal': other });
    await forward.client.endAsync(true);
    const back = await listening(id, old);
    await back.say(failed(renewal));
    expect(await back.nothingDue()).toMatchObject({ code: 'nothing_due', renewal });
    expect(await back.next('error')).toMatchObject({ code: 'renewal_closed', renewal });
    expect((await shown(id)).renewals).toHaveLength(2);
  });

  it('loses what was made for it meanwhile, when it is heard under the replacement after all', async () => {
    const { id, old, replacement, renewal } = await stranded('dev-1');
    const device = await listening(id, old);
    await device.say(failed(renewal));
    const { renewal: other } = await device.next('offer');
    const third = await take(device, other);
    await device.client.endAsync(true);
    const forward = await (await speak(id, replacement)).listen();
    expect((await forward.next('done')).renewal).toBe(renewal);
    await house.log.until('renewal.cancelled', { 'nolapse.renewal': other });
    expect(await connackOf(house, third, id)).toBe(5);
    expect((await shown(id)).certificates.map(({ state }) => state)).toEqual(['revoked', 'active', 'superseded']);
  });

  it('is given it also when it has spoken under the replacement and lost it since', async () => {
    for (const [id, heard] of [
      ['dev-1', (speaker: Speaker) => speaker.say({ word: 'hello' })],
      ['dev-2', (speaker: Speaker) => speaker.listen()],
    ] as const) {
      const { old, replacement, renewal } = await stranded(id);
      const forward = await speak(id, replacement);
      await heard(forward);
      await forward.client.endAsync();
      const device = await listening(id, old);
      await device.say(failed(renewal));
      const { renewal: other } = await device.next('offer');
      expect(other).not.toBe(renewal);
      await device.client.endAsync(true);
      const back = await (await speak(id, replacement)).listen();
      expect((await back.next('done')).renewal).toBe(renewal);
      await house.log.until('renewal.cancelled', { 'nolapse.renewal': other });
    }
  });

  it.each(['csr', 'ack', 'get'] as const)('loses it to any word under the replacement: %s', async (word) => {
    const { id, old, replacement, renewal } = await stranded('dev-1');
    const device = await listening(id, old);
    await device.say(failed(renewal));
    const { renewal: other } = await device.next('offer');
    const forward = await speak(id, replacement);
    const { csr } = await newRequest(id);
    const said = {
      csr: { word, renewal, csr },
      ack: { word, renewal, status: 'installed' },
      get: { word, renewal, offset: 0, length: 1 },
    } as const;
    await forward.say(said[word] as Parameters<Speaker['say']>[0]);
    await house.log.until('renewal.cancelled', { 'nolapse.renewal': other });
  });

  it('has nothing left to do when overlap ends before it took the other, and has not lapsed', async () => {
    const { id, old, replacement, renewal } = await stranded('dev-1');
    const device = await listening(id, old);
    await device.say(failed(renewal));
    const offer = await device.next('offer');
    const third = await take(device, offer.renewal);
    now = offer.deadline * 1_000 + 1_000;
    await house.log.until('renewal.cancelled', { 'nolapse.renewal': offer.renewal });
    expect(await connackOf(house, third, id)).toBe(5);
    expect(await connackOf(house, old, id)).toBe(5);
    expect(await connackOf(house, replacement, id)).toBe(0);
    const alerts = await house.gateway.operations.listAlerts({});
    expect(alerts.filter(({ kind }) => kind === 'lapsed')).toEqual([]);
  });
});

describe('no other renewal is given', () => {
  const refused = async (speaker: Speaker, renewal: string) => {
    await speaker.say(failed(renewal));
    return (await speaker.next('error')).code;
  };

  it('under the replacement itself', async () => {
    const { id, replacement, renewal } = await stranded('dev-1');
    const device = await (await speak(id, replacement)).listen();
    expect(await refused(device, renewal)).toBe('renewal_closed');
    expect((await shown(id)).renewals).toHaveLength(1);
  });

  it('while somebody is connected with the replacement', async () => {
    const { id, old, replacement, renewal } = await stranded('dev-1');
    const other = new Speaker(await connect(house, replacement, `${id}:2`), id);
    open.push(other);
    const device = await listening(id, old);
    expect(await refused(device, renewal)).toBe('renewal_closed');
    expect((await shown(id)).renewals).toHaveLength(1);
  });

  it('through a site gateway, whatever it may do for the device', async () => {
    const { id, old, renewal } = await stranded('dev-1');
    const gateway = await openGateway(house, 'gw-1');
    open.push(gateway);
    await delegate(house, 'gw-1', { modes: ['csr', 'recertify'] });
    const behind = new SiteDevice(gateway.client, id, old);
    expect(await refused(behind, renewal)).toBe('renewal_closed');
    expect((await shown(id)).renewals).toHaveLength(1);
  });

  it("for another device's renewal", async () => {
    const { renewal } = await stranded('dev-1');
    const other = await stranded('dev-2');
    const device = await listening('dev-2', other.old);
    expect(await refused(device, renewal)).toBe('unknown_renewal');
    expect((await shown('dev-1')).renewals).toHaveLength(1);
  });

  it.each(['keyCompromise', 'superseded'] as const)('after the replacement was revoked for %s', async (reason) => {
    const { id, old, renewal } = await stranded('dev-1');
    const device = await listening(id, old);
    const active = (await shown(id)).certificates.find(({ state }) => state === 'active');
    await house.gateway.operations.revokeCertificate({ id: active?.fingerprint ?? '', reason });
    expect(await refused(device, renewal)).toBe('renewal_closed');
    expect((await shown(id)).renewals).toHaveLength(1);
  });

  it('for a replacement that was given so itself, and is reported in turn', async () => {
    const { id, old, renewal } = await stranded('dev-1');
    const device = await listening(id, old);
    await device.say(failed(renewal));
    const { renewal: other } = await device.next('offer');
    const third = await take(device, other);
    await (await connect(house, third, `${id}:2`)).endAsync();
    await house.log.until('renewal.activated', { 'nolapse.renewal': other });
    device.heard.length = 0;
    expect(await refused(device, other)).toBe('renewal_closed');
    expect((await shown(id)).renewals.map((each) => each.id)).toEqual([other, renewal]);
  });

  it('by or during a campaign against a compromised key', async () => {
    const { id, old, renewal } = await stranded('dev-1');
    now += 1_000;
    await house.gateway.operations.startCampaign({ reason: 'stolen image', reasonCode: 'keyCompromise', all: true });
    const device = await listening(id, old);
    expect(await refused(device, renewal)).toBe('renewal_closed');
  });
});

describe('a renewal that was given so is called off when a key turns out to be compromised', () => {
  const compromise = {
    campaign: () =>
      house.gateway.operations.startCampaign({ reason: 'stolen image', reasonCode: 'keyCompromise', all: true }),
    'revocation of the old certificate': async (id: string) => revoke(id, 'superseded'),
    'revocation of the replacement': async (id: string) => revoke(id, 'active'),
  } as const;

  async function revoke(id: string, state: string): Promise<void> {
    const found = (await shown(id)).certificates.find((each) => each.state === state);
    await house.gateway.operations.revokeCertificate({ id: found?.fingerprint ?? '', reason: 'keyCompromise' });
  }

  it.each(Object.keys(compromise) as (keyof typeof compromise)[])('by a %s', async (kind) => {
    const { id, old, renewal } = await stranded('dev-1');
    const device = await listening(id, old);
    await device.say(failed(renewal));
    const { renewal: other } = await device.next('offer');
    const third = await take(device, other);
    now += 1_000;
    await compromise[kind](id);
    await house.log.until('renewal.cancelled', { 'nolapse.renewal': other });
    expect(await connackOf(house, third, `${id}:2`)).toBe(5);
  });

  it('at its next step, before the campaign has come to the device', async () => {
    const { id, old, renewal } = await stranded('dev-1');
    await house.gateway.operations.addDevice({ id: 'dev-2', owner: 'tests', cohort: 'canary' });
    await house.gateway.operations.issueDevice({ id: 'dev-2' });
    const device = await listening(id, old);
    await device.say(failed(renewal));
    const { renewal: other } = await device.next('offer');
    const third = await take(device, other);
    const campaign = await paused();
    expect(await connackOf(house, third, `${id}:2`)).toBe(5);
    await house.log.until('renewal.cancelled', { 'nolapse.renewal': other });
    expect((await house.gateway.operations.showCampaign({ id: campaign })).state).toBe('paused');
  });

  it.each(['csr', 'recertify', 'keygen'] as const)('at its request in mode %s', async (mode) => {
    const { id, old, renewal } = await stranded('dev-1', mode);
    const device = await speak(id, old);
    await device.say(failed(renewal));
    await house.log.until('renewal.reopened', { 'nolapse.renewal': renewal });
    await paused();
    const other = (await shown(id)).renewals[0]?.id ?? '';
    await device.listen();
    if (mode === 'csr') {
      const { csr } = await newRequest(id);
      await device.say({ word: 'csr', renewal: other, csr });
      expect(await device.next('error')).toMatchObject({ code: 'renewal_closed', renewal: other });
    }
    await house.log.until('renewal.cancelled', { 'nolapse.renewal': other });
    expect((await shown(id)).certificates.map(({ state }) => state)).toEqual(['active', 'superseded']);
  });

  /** A campaign that is stopped before it comes to anybody. */
  async function paused(): Promise<string> {
    now += 1_000;
    const { id } = await compromise.campaign();
    await house.gateway.operations.pauseCampaign({ id });
    return id;
  }
});
