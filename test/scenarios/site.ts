// A site: a gateway with a connection of its own, and devices behind it that speak through it and sign with the keys they have.
import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto';
import type { MqttClient } from 'mqtt';
import type { DelegationView, NewDelegation } from '../../src/app/views/delegations.ts';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import type { Encoding } from '../../src/domain/principal.ts';
import { requestProofText, useProofText } from '../../src/domain/proof.ts';
import { type Credentials, connect, type House, newRequest, pemOf, Speaker } from './harness.ts';

/** Lets a gateway act: for dev-1 in csr mode, unless said otherwise. */
export async function delegate(
  house: House,
  gateway: string,
  more: Partial<NewDelegation> = {},
): Promise<DelegationView> {
  const { site } = more;
  const scope = site === undefined ? { devices: ['dev-1'] } : {};
  // A site may be delegated before a device is there, to the gateway that is.
  if (site !== undefined) await house.gateway.operations.setDevice({ id: gateway, site });
  return house.gateway.operations.addDelegation({ gateway, ...scope, modes: ['csr'], until: '1d', daily: 10, ...more });
}

/** A gateway that is connected and listens to everything it may hear. */
export async function openGateway(house: House, id: string, encoding: Encoding = 'json'): Promise<Speaker> {
  const client = await connect(house, await house.device(id, { kind: 'gateway' }), id);
  const gateway = new Speaker(client, id, encoding);
  await client.subscribeAsync('$enroll/1/#', { qos: 1 });
  return gateway;
}

/** A device behind a gateway: it has a key and a certificate, and no connection. */
export class SiteDevice extends Speaker {
  credentials: Credentials;

  constructor(client: MqttClient, id: string, credentials: Credentials, encoding: Encoding = 'json') {
    super(client, id, encoding);
    this.credentials = credentials;
  }

  get fingerprint(): Fingerprint {
    return digest(new X509Certificate(this.credentials.certificatePem).raw);
  }

  /** A signature by the key it has. */
  sign(text: string): Uint8Array {
    return sign('sha256', Buffer.from(text), createPrivateKey(this.credentials.keyPem));
  }

  /** Says hello, and proves which certificate it uses. */
  async report(): Promise<void> {
    const { fingerprint } = this;
    const proof = this.sign(useProofText(this.id, fingerprint));
    await this.say({ word: 'hello', maxPacket: 4_096, fingerprint, proof });
  }

  /** Asks for a replacement over a new key. @returns that key. */
  async request(renewal: string, proven: boolean): Promise<string> {
    const { keyPem, csr } = await newRequest(this.id);
    const proof = proven ? { proof: this.sign(requestProofText(renewal, digest(csr))) } : {};
    await this.say({ word: 'csr', renewal, csr, ...proof });
    return keyPem;
  }

  /** From the offer to the replacement in use, word by word. */
  async renew(proven = false): Promise<string> {
    const { renewal } = await this.next('offer');
    const keyPem = await this.request(renewal, proven);
    const { certificates } = await this.next('cert');
    this.credentials = { certificatePem: pemOf(certificates), keyPem };
    await this.say({ word: 'ack', renewal, status: 'installed' });
    await this.report();
    await this.next('done');
    return renewal;
  }
}

export function digest(bytes: Uint8Array): Fingerprint {
  return createHash('sha256').update(bytes).digest('hex') as Fingerprint;
}
