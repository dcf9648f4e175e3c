// A whole renewal on the real broker, with a new key: for tests of what comes after it.
import { type Credentials, connect, type House, newRequest, pemOf, Speaker } from './harness.ts';

/** Renews at once what this device has, and comes back with the new certificate, which is then active. @returns the new credentials. */
export async function renewed(house: House, old: Credentials, id: string): Promise<Credentials> {
  const speaker = await new Speaker(await connect(house, old, id), id).listen();
  await speaker.say({ word: 'hello', maxPacket: 4_096 });
  await house.gateway.operations.runRenewal({ device: id });
  const { renewal } = await speaker.next('offer');
  const { csr, keyPem } = await newRequest(id);
  await speaker.say({ word: 'csr', renewal, csr });
  const { certificates } = await speaker.next('cert');
  await speaker.say({ word: 'ack', renewal, status: 'installed' });
  const credentials = { certificatePem: pemOf(certificates), keyPem };
  const client = await connect(house, credentials, id);
  await house.log.until('renewal.activated', { 'nolapse.principal': id });
  await Promise.all([client.endAsync(true), speaker.client.endAsync(true)]);
  return credentials;
}
