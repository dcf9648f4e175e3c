// Issues a certificate by hand: a principal's first one, or the way out when nothing else works. The key is made here, handed
// over once and forgotten.
import { generateKeyPair } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { validityAt } from '../../domain/policy.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { type ApprovedRequest, approve, ownRequest } from '../../domain/request.ts';
import type { RevocationList } from '../../domain/revocation-list.ts';
import { makeCsr } from '../../pki/own-request.ts';
import { derToPem } from '../../pki/pem.ts';
import { readKey } from '../../pki/public-key.ts';
import { newSerial } from '../../pki/serial.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import { askAuthority } from '../renewal/ask-authority.ts';
import type { WithShards } from '../renewal/issue.ts';
import { signingCa } from '../trust.ts';
import { viewOf } from '../views/certificates.ts';
import type { IssuedView } from '../views/devices.ts';

type IssueDeviceContext = Changing &
  Pick<Context, 'authority' | 'serverRoot' | 'profiles' | 'entropy' | 'policies'> &
  WithShards;

const newKeyPair = promisify(generateKeyPair);

/**
 * Issues for an active principal.
 * @param rsaBits of the key that is made; absent: P-256. RSA keys take tenths of a second, which are not the event loop's.
 * @returns rejects with `not_found`, or with `conflict`, also when the profile does not take such a key.
 */
export async function issueDevice(app: IssueDeviceContext, id: PrincipalId, rsaBits?: number): Promise<IssuedView> {
  const principal = await app.store.read.principal(id);
  if (!principal) throw new OperationError('not_found', [`${id} is not in the inventory`]);
  if (principal.status !== 'active') throw new OperationError('conflict', [`${id} is ${principal.status}`]);
  const { publicKey, privateKey } =
    rsaBits === undefined
      ? await newKeyPair('ec', { namedCurve: 'P-256' })
      : await newKeyPair('rsa', { modulusLength: rsaBits });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const now = app.clock.now();
  const issuerNotAfter = signingCa(app).notAfter;
  const validity = validityAt(now, app.policies.of(principal), issuerNotAfter, null);
  if (!validity) {
    throw new OperationError('conflict', [
      `the issuing CA ends ${new Date(issuerNotAfter).toISOString()}: roll it over first`,
    ]);
  }
  const approval = approve({
    facts: ownRequest(id, readKey(spki), app.authority.certifiesKeys ? null : makeCsr(id, privateKey)),
    principalId: id,
    kind: principal.kind,
    profile: app.profiles[principal.kind],
    serial: newSerial(app.entropy),
    ...validity,
    keyHolder: 'nobody',
    mode: 'csr',
  });
  if (approval.kind === 'refused') throw new OperationError('conflict', [approval.detail]);
  const { request } = approval;
  const shard = await app.crls.forNew();
  const { entry, chain } = await certify(app, request, shard);
  await change(app, async ({ tx, record }) => {
    await tx.putCertificate(entry);
    if (shard) await tx.nameShard(entry.fingerprint, shard.shard);
    await record({
      action: 'certificate.issued',
      message: `${id}: certificate issued by hand, until ${new Date(entry.notAfter).toISOString()}`,
      principalId: id,
      fields: { 'tls.client.hash.sha256': entry.fingerprint },
    });
  });
  return {
    certificate: viewOf(entry),
    certificatePem: [entry.der, ...chain].map((der) => derToPem(der, 'CERTIFICATE')).join(''),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    rootPem: derToPem(app.serverRoot, 'CERTIFICATE'),
  };
}

/** How long somebody waits at a terminal for an authority that has it pending. The key is lost with the command. */
const patienceMs = 30_000;

/** Asks until the authority has answered. Rejects with `conflict` where it does not in time, and as {@link askAuthority}. */
async function certify(
  app: Pick<Context, 'authority' | 'clock'>,
  request: ApprovedRequest,
  list: RevocationList | null,
) {
  const until = app.clock.steady() + patienceMs;
  for (;;) {
    const answer = await askAuthority(app, request, null, list);
    if (answer.kind === 'issued') return answer;
    if (app.clock.steady() + answer.askAgainMs > until) {
      throw new OperationError('conflict', ['the authority has not decided yet: run the command again later']);
    }
    await pause(answer.askAgainMs);
  }
}
