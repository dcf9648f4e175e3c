// Devices that speak to nobody but their site's gateway are renewed from beginning to end: on the real broker, over real TLS.
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requestProofText, useProofText } from '../../src/domain/proof.ts';
import { connect, type House, newRequest, openHouse, Speaker } from './harness.ts';
import { delegate, digest, openGateway, SiteDevice } from './site.ts';

const classes = `
classes:
  default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h }
  careful: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h, requireDeviceProof: true }
`;

let house: House;
const clients: MqttClient[] = [];
beforeEach(async () => {
  house = await openHouse({ yaml: classes });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

async function gatewayOf(id: string, encoding: 'json' | 'cbor' = 'json'): Promise<Speaker> {
  const gateway = await openGateway(house, id, encoding);
  clients.push(gateway.client);
  return gateway;
}

async function deviceBehind(gateway: Speaker, id: string, more: { class?: string; site?: string } = {}) {
  return new SiteDevice(gateway.client, id, await house.device(id, more), gateway.encoding);
}

const run = (device: string) => house.gateway.operations.runRenewal({ device });

describe('a device behind a gateway', () => {
  const cases = (['json', 'cbor'] as const).flatMap((encoding) => [
    [encoding, 'default', 'its word alone'] as const,
    [encoding, 'careful', 'a proof by its key'] as const,
  ]);

  it.each(cases)('is renewed whole in %s, class %s, with %s', async (encoding, className) => {
    const gateway = await gatewayOf('gw-1', encoding);
    const device = await deviceBehind(gateway, 'dev-1', { class: className });
    const { id } = await delegate(house, 'gw-1');
    const first = device.fingerprint;

    await device.report();
    await house.log.until('certificate.activated', { 'nolapse.principal': 'dev-1', 'nolapse.gateway': 'gw-1' });
    await run('dev-1');
    const renewal = await device.renew(className === 'careful');

    const shown = await house.gateway.operations.showDevice({ id: 'dev-1' });
    expect(shown.certificates.find(({ fingerprint }) => fingerprint === device.fingerprint)?.state).toBe('active');
    expect(shown.certificates.find(({ fingerprint }) => fingerprint === first)?.state).toBe('superseded');
    expect(shown.delegations).toMatchObject([{ id, gatewayId: 'gw-1' }]);
    expect(shown.renewals).toMatchObject([{ id: renewal, state: 'activated', via: 'gw-1' }]);
    const { journal } = await house.gateway.operations.showRenewal({ id: renewal });
    for (const step of ['requested', 'installed', 'activated']) {
      expect(journal.find(({ action }) => action === `renewal.${step}`)?.detail).toMatch(/^dev-1: .*, through gw-1$/);
    }
    const [delegation] = await house.gateway.operations.listDelegations({ gateway: 'gw-1' });
    expect(delegation?.usedToday).toBe(1);
    await house.log.until('renewal.confirmed', { 'nolapse.renewal': renewal });
    expect(gateway.heard).toEqual([]);
  });

  it('is renewed again and again', async () => {
    const device = await deviceBehind(await gatewayOf('gw-1'), 'dev-1');
    await delegate(house, 'gw-1');
    await device.report();
    for (let round = 0; round < 3; round += 1) {
      await house.log.until('certificate.activated');
      await run('dev-1');
      await device.renew();
    }
    const { certificates } = await house.gateway.operations.showDevice({ id: 'dev-1' });
    expect(certificates.map(({ state }) => state).sort()).toEqual(['active', 'superseded', 'superseded', 'superseded']);
  });

  it('proves its use by nothing but a signature by that key', async () => {
    const gateway = await gatewayOf('gw-1');
    const device = await deviceBehind(gateway, 'dev-1');
    const other = await deviceBehind(gateway, 'dev-2');
    await delegate(house, 'gw-1', { devices: ['dev-1', 'dev-2'] });
    const { fingerprint } = device;
    const text = useProofText(device.id, fingerprint);
    await device.say({ word: 'hello', fingerprint });
    for (const proof of [
      other.sign(text),
      device.sign(`${text}\n`),
      device.sign(useProofText(other.id, fingerprint)),
    ]) {
      await device.say({ word: 'hello', fingerprint, proof });
      expect(await device.next('error')).toMatchObject({ code: 'proof_invalid' });
    }
    // Its own signature, but about the certificate of another, in its own name and in the other's.
    const theirs = other.fingerprint;
    for (const signer of [device, other]) {
      await device.say({ word: 'hello', fingerprint: theirs, proof: signer.sign(useProofText(device.id, theirs)) });
      expect(await device.next('error')).toMatchObject({ code: 'proof_invalid' });
    }
    await other.say({ word: 'hello', fingerprint, proof: device.sign(text) });
    expect(await other.next('error')).toMatchObject({ code: 'proof_invalid' });
    await device.say({ word: 'hello', proof: device.sign(text) });
    expect(await device.next('error')).toMatchObject({ code: 'missing_field' });
    const states = async () =>
      (await house.gateway.operations.listCertificates({})).map(({ principalId, state }) => `${principalId} ${state}`);
    expect((await states()).sort()).toEqual(['dev-1 issued', 'dev-2 issued', 'gw-1 active']);
    await device.say({ word: 'hello', fingerprint, proof: device.sign(text) });
    await house.log.until('certificate.activated', { 'nolapse.principal': 'dev-1' });
    expect((await states()).sort()).toEqual(['dev-1 active', 'dev-2 issued', 'gw-1 active']);
  });

  it('proves nothing with a certificate that was revoked before it was used', async () => {
    const device = await deviceBehind(await gatewayOf('gw-1'), 'dev-1');
    await delegate(house, 'gw-1');
    await house.gateway.operations.revokeCertificate({ id: device.fingerprint });
    await device.report();
    await device.say({ word: 'get', renewal: 'x', offset: 0, length: 1 });
    expect(await device.next('error')).toMatchObject({ code: 'unknown_renewal' });
    expect(house.log.count('certificate.activated', { 'nolapse.principal': 'dev-1' })).toBe(0);
  });

  it('has its request refused where its proof is missing or another, and taken when it is there', async () => {
    const device = await deviceBehind(await gatewayOf('gw-1'), 'dev-1', { class: 'careful' });
    await delegate(house, 'gw-1');
    await device.report();
    await house.log.until('certificate.activated', { 'nolapse.principal': 'dev-1' });
    const { id: renewal } = await run('dev-1');
    const { csr } = await newRequest('dev-1');
    const send = (proof?: Uint8Array) => device.say({ word: 'csr', renewal, csr, ...(proof && { proof }) });
    await send();
    expect(await device.next('error')).toMatchObject({ code: 'proof_required', renewal });
    for (const text of [
      requestProofText('another', digest(csr)),
      requestProofText(renewal, digest(Buffer.from('another'))),
      useProofText(device.id, device.fingerprint),
    ]) {
      await send(device.sign(text));
      expect(await device.next('error')).toMatchObject({ code: 'proof_invalid', renewal });
    }
    await send(device.sign(requestProofText(renewal, digest(csr))));
    expect((await device.next('cert')).renewal).toBe(renewal);
  });

  it('is a site gateway itself that needs a proof for its own request too, where its class says so', async () => {
    const credentials = await house.device('gw-1', { kind: 'gateway', class: 'careful' });
    const client = await connect(house, credentials, 'gw-1');
    clients.push(client);
    const gateway = await new SiteDevice(client, 'gw-1', credentials).listen();
    await gateway.say({ word: 'hello', maxPacket: 4_096 });
    const { id: renewal } = await run('gw-1');
    await gateway.next('offer');
    await gateway.request(renewal, false);
    expect(await gateway.next('error')).toMatchObject({ code: 'proof_required', renewal });
    await gateway.request(renewal, true);
    expect((await gateway.next('cert')).renewal).toBe(renewal);
  });

  it('may speak for itself as well, and needs neither leave nor proof then', async () => {
    const gateway = await gatewayOf('gw-1');
    const first = await house.device('dev-1', { class: 'careful' });
    await delegate(house, 'gw-1', { daily: 1 });
    const device = await new Speaker(await connect(house, first, 'dev-1'), 'dev-1').listen();
    clients.push(device.client);
    const beside = new Speaker(gateway.client, 'dev-1');
    await device.say({ word: 'hello', maxPacket: 4_096 });
    const { id: renewal } = await run('dev-1');
    expect((await device.next('offer')).renewal).toBe(renewal);
    expect((await beside.next('offer')).renewal).toBe(renewal);
    const { csr } = await newRequest('dev-1');
    await device.say({ word: 'csr', renewal, csr });
    await device.next('cert');
    expect(await house.gateway.operations.showRenewal({ id: renewal })).toMatchObject({ renewal: { via: null } });
    expect(await house.gateway.operations.listDelegations({})).toMatchObject([{ usedToday: 0 }]);
  });
});

describe('what is owed to devices behind a gateway', () => {
  it('waits for the gateway, and is sent to it when it listens, for hundreds of devices and each once', async () => {
    const { operations } = house.gateway;
    const ids = Array.from({ length: 150 }, (_, i) => `dev-${i}`);
    const rows = ids.map((id) => `${id},tests,north`).join('\n');
    await operations.importDevices({ format: 'csv', text: `id,owner,site\n${rows}\nfar,tests,south\n` });
    const credentials = await house.device('gw-1', { kind: 'gateway' });
    await delegate(house, 'gw-1', { site: 'north', daily: 1_000 });
    for (const id of [...ids, 'far']) await activateByHand(id);
    for (const id of [...ids, 'far']) await run(id);
    const client = await connect(house, credentials, 'gw-1');
    clients.push(client);
    const heard = new Map<string, number>();
    const all = new Promise<void>((resolve) => {
      client.on('message', (topic) => {
        heard.set(topic, (heard.get(topic) ?? 0) + 1);
        if (heard.size === ids.length) resolve();
      });
    });
    await client.subscribeAsync('$enroll/1/+/+', { qos: 1 });
    await all;
    expect([...heard.keys()].sort()).toEqual(ids.map((id) => `$enroll/1/${id}/offer`).sort());
    expect(new Set(heard.values())).toEqual(new Set([1]));
  });

  it('is sent at once when a gateway that listens is given a delegation', async () => {
    const gateway = await gatewayOf('gw-1');
    const device = await deviceBehind(gateway, 'dev-1');
    await activateByHand('dev-1', device);
    const { id } = await run('dev-1');
    await house.log.until('renewal.due');
    await delegate(house, 'gw-1');
    expect((await device.next('offer')).renewal).toBe(id);
  });

  it('reaches a device that was added to its site later, and one no longer that has moved away', async () => {
    const gateway = await gatewayOf('gw-1');
    await delegate(house, 'gw-1', { site: 'north' });
    const [one, two] = [
      await deviceBehind(gateway, 'dev-1', { site: 'north' }),
      await deviceBehind(gateway, 'dev-2', { site: 'north' }),
    ];
    for (const device of [one, two]) await device.report();
    for (const { id } of [one, two]) await house.log.until('certificate.activated', { 'nolapse.principal': id });
    const text = 'id,owner,site\ndev-1,tests,south\n';
    await house.gateway.operations.importDevices({ format: 'csv', text, force: true, reason: 'it moves' });
    await run('dev-1');
    const { id } = await run('dev-2');
    expect((await two.next('offer')).renewal).toBe(id);
    await one.say({ word: 'hello' });
    expect(await gateway.next('error')).toMatchObject({ code: 'not_delegated' });
    expect(one.heard).toEqual([]);
  });
});

/** Has the device's first certificate seen in use, over a connection of its own. */
async function activateByHand(id: string, device?: SiteDevice): Promise<void> {
  const credentials = device?.credentials ?? (await house.gateway.operations.issueDevice({ id }));
  const client = await connect(house, credentials, id);
  await client.endAsync();
}
