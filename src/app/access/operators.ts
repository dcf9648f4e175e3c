// Makes and revokes operators of the HTTP API. Nothing else makes one: their certificates are in a table of their own, which no import, no
// anchor and no renewal writes, and which MQTT does not read.
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { type ApiCredential, isCredentialName } from '../../domain/api-credential.ts';
import type { Fingerprint } from '../../domain/certificate.ts';
import { derToPem } from '../../pki/pem.ts';
import { fingerprintOf, readCertificate } from '../../pki/x509.ts';
import type { Page } from '../../ports/page.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import { shortId } from '../short-id.ts';
import { slotsInUse } from '../trust/slots-in-use.ts';
import type { AddedOperatorView, CredentialView, NewOperator } from '../views/access.ts';
import { credentialView, readAskedRight, rightWords } from './asked-right.ts';

type OperatorContext = Changing & Pick<Context, 'entropy' | 'settings' | 'issuing' | 'served'>;

const newKeyPair = promisify(generateKeyPair);
/** Of clocks that are behind ours. */
const backdateMs = 3_600_000;

/** Rejects with `invalid`, or with `conflict` where the name has a certificate that is good, or no CA of the home can sign. */
export async function addOperator(app: OperatorContext, input: NewOperator): Promise<AddedOperatorView> {
  const { name } = input;
  const asked = readAskedRight(input, null, app.clock.now());
  const slot = (await slotsInUse(app.store)).find(({ state }) => state === 'current');
  if (!slot) throw new OperationError('conflict', ['no issuing CA of this home signs']);
  const { publicKey, privateKey } = await newKeyPair('ec', { namedCurve: 'P-256' });
  const second = 1_000;
  const [der, ...chain] = await app.issuing.certifyOperator(slot, {
    name,
    spki: publicKey.export({ type: 'spki', format: 'der' }),
    notBefore: Math.floor((app.clock.now() - backdateMs) / second) * second,
    notAfter: Math.floor(asked.endsAt / second) * second,
  });
  const { notAfter } = readCertificate(der);
  const credential = await change(app, async ({ tx, now, actor, record }) => {
    const others = await tx.apiCredentialsNamed('certificate', name, now);
    if (others.length > 0) {
      throw new OperationError('conflict', [
        `there is an operator ${name}: revoke that one first, or choose another name`,
      ]);
    }
    const { permission, owners, sites } = asked;
    const made: ApiCredential = {
      id: shortId(app.entropy),
      kind: 'certificate',
      name,
      person: name,
      digest: fingerprintOf(der) as Fingerprint,
      permission,
      owners,
      sites,
      parent: null,
      createdAt: now,
      createdBy: actor.name,
      endsAt: notAfter,
      revokedAt: null,
      lastUsedAt: null,
    };
    await tx.forgetApiCredentials(now - app.settings.journalKeptMs);
    await tx.putApiCredential(made);
    await record({
      action: 'operator.added',
      message: `operator ${name} may ${rightWords(made)} until ${new Date(notAfter).toISOString()}`,
    });
    return made;
  });
  return {
    credential: credentialView(credential, app.clock.now()),
    certificatePem: [der, ...chain].map((each) => derToPem(each, 'CERTIFICATE')).join(''),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    rootPem: derToPem(app.served.root, 'CERTIFICATE'),
  };
}

/** Twice is an error: there is nobody of the name any more. Rejects with `not_found`. */
export async function revokeOperator(app: Changing, name: string): Promise<CredentialView[]> {
  const revoked = await change(app, async ({ tx, now, record }) => {
    const found = isCredentialName(name) ? await tx.apiCredentialsNamed('certificate', name, now) : [];
    if (found.length === 0) throw new OperationError('not_found', [`no operator ${name.slice(0, 64)}`]);
    for (const each of found) await tx.putApiCredential({ ...each, revokedAt: now });
    await record({ action: 'operator.revoked', message: `operator ${name} revoked` });
    return found.map((each) => ({ ...each, revokedAt: now }));
  });
  return revoked.map((each) => credentialView(each, app.clock.now()));
}

/** In order of id. */
export async function listOperators(app: Pick<Context, 'store' | 'clock'>, page: Page): Promise<CredentialView[]> {
  const now = app.clock.now();
  return (await app.store.read.apiCredentials('certificate', page)).map((each) => credentialView(each, now));
}
