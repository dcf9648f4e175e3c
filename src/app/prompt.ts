// Tells a device what its renewal's state owes it: the offer, the certificate, or that all is done. Sent again it harms
// nothing; when nobody listens, the ledger keeps it until the device does.
import type { DownMessage } from '../domain/message.ts';
import type { Encoding, PrincipalId } from '../domain/principal.ts';
import { awaitDevice, isOpen, owed, type Renewal, sentAgain } from '../domain/renewal.ts';
import { toSeconds } from '../domain/time.ts';
import { type Change, change, step } from './change.ts';
import { type App, policyOf } from './context.ts';
import { type Hearers, mannerOf, sendDown } from './send-down.ts';

/** Sends what is owed under this renewal now, and records that it was sent. */
export async function prompt(app: App, renewalId: string): Promise<void> {
  const renewal = await app.store.read.renewal(renewalId);
  const message = renewal && (await messageFor(app, renewal));
  if (!renewal || !message) return;
  const id = renewal.principalId;
  const taken = await sendDown(app, id, await mannerOf(app, id), message, hearersOf(renewal, message.word));
  await change(app, (within) => keepSent(within, renewal, message.word, taken > 0));
}

/**
 * Only who speaks through the replacement has it in use: what still listens through the old one is told nothing of its end.
 * A gateway is told where it asked for the replacement: for others the device has to hear it itself.
 */
function hearersOf(renewal: Renewal, word: DownMessage['word']): Hearers {
  if (word !== 'done') return { certificate: null, gateways: true };
  return { certificate: renewal.newFingerprint, gateways: renewal.via !== null };
}

/** Prompts the principal's current renewal: it has just begun to listen, or said hello. */
export async function promptPrincipal(app: App, id: PrincipalId): Promise<void> {
  const renewal = await app.store.read.currentRenewal(id);
  if (!renewal || owed(renewal) === null) return;
  // A device that reported a failure is offered again when its pause is over, not at each of its reconnects.
  if (renewal.state === 'failed' && (renewal.nextAt ?? 0) > app.clock.now()) return;
  await prompt(app, renewal.id);
}

async function messageFor(app: App, renewal: Renewal): Promise<DownMessage | null> {
  switch (owed(renewal)) {
    case 'offer':
      return {
        word: 'offer',
        renewal: renewal.id,
        mode: renewal.mode,
        deadline: toSeconds(renewal.deadline),
        now: toSeconds(app.clock.now()),
      };
    case 'cert':
      return certificateMessage(app, renewal);
    case 'done':
      return { word: 'done', renewal: renewal.id, retires: toSeconds(renewal.nextAt ?? app.clock.now()) };
    case null:
      return null;
  }
}

async function certificateMessage(app: App, renewal: Renewal): Promise<DownMessage | null> {
  const entry = renewal.newFingerprint && (await app.store.read.certificate(renewal.newFingerprint));
  if (!entry) return null;
  return { word: 'cert', renewal: renewal.id, certificates: [entry.der, ...app.authority.chain] };
}

/** Sends the certificate of a renewal once more because its device asked again, whatever was acknowledged before. */
export async function sendCertificate(app: App, renewalId: string, encoding: Encoding): Promise<void> {
  const renewal = await app.store.read.renewal(renewalId);
  const message = renewal && isOpen(renewal) ? await certificateMessage(app, renewal) : null;
  if (!renewal || !message) return;
  const taken = await sendDown(app, renewal.principalId, await mannerOf(app, renewal.principalId, encoding), message);
  await change(app, (within) => keepSent(within, renewal, 'cert', taken > 0));
}

async function keepSent(within: Change, sent: Renewal, word: DownMessage['word'], taken: boolean): Promise<void> {
  const { app, tx, now } = within;
  const renewal = await tx.renewal(sent.id);
  const principal = renewal && (await tx.principal(renewal.principalId));
  if (!renewal || !principal || renewal.state !== sent.state) return;
  if (!taken) {
    if (isOpen(renewal)) await tx.putRenewal(awaitDevice(renewal));
    return;
  }
  if (word === 'done') {
    await step(within, renewal, { type: 'confirmed' }, principal.class, 'confirmed to the device');
    return;
  }
  const type = word === 'offer' ? 'offered' : 'delivered';
  const transition = await step(within, renewal, { type }, principal.class);
  const policy = policyOf(app, principal.class);
  if (word === 'cert') {
    await tx.putRenewal(sentAgain(transition.kind === 'changed' ? transition.renewal : renewal, policy, now));
  }
}
