// Makes and revokes tokens of the HTTP API. A token is 256 random bits, shown once; the ledger has its SHA-256.
import { createHash } from 'node:crypto';
import { isWithin } from '../../domain/access-right.ts';
import { type ApiCredential, tokenPerson } from '../../domain/api-credential.ts';
import type { Fingerprint } from '../../domain/certificate.ts';
import type { Page } from '../../ports/page.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import { shortId } from '../short-id.ts';
import type { AddedTokenView, Caller, CredentialView, NewToken } from '../views/access.ts';
import { credentialView, readAskedRight, rightWords } from './asked-right.ts';

type TokenContext = Changing & Pick<Context, 'entropy' | 'settings'>;

const secretBytes = 32;
/** Tokens made by tokens that were made by tokens. */
const generationsMax = 8;

export function tokenDigest(token: string): Fingerprint {
  return createHash('sha256').update(token).digest('hex') as Fingerprint;
}

/** The id that a token names; null: it is none. */
export function tokenId(token: string): string | null {
  const [, id] = /^nolapse_([0-9a-z]{13})_[A-Za-z0-9_-]{43}$/.exec(token) ?? [];
  return id ?? null;
}

async function generationOf(read: Context['store']['read'], caller: Caller | null): Promise<number> {
  let generation = 0;
  for (let at: ApiCredential | null = caller?.credential ?? null; at && generation <= generationsMax; ) {
    generation += 1;
    at = at.parent === null ? null : await read.apiCredential(at.parent);
  }
  return generation;
}

/** Rejects with `invalid`, or with `forbidden` where it would be more than the caller is. */
export async function addToken(app: TokenContext, caller: Caller | null, input: NewToken): Promise<AddedTokenView> {
  const { name } = input;
  const { endsAt, ...right } = readAskedRight(input, caller, app.clock.now());
  if ((await generationOf(app.store.read, caller)) >= generationsMax) {
    throw new OperationError('forbidden', ['this token was made by too many others']);
  }
  const id = shortId(app.entropy);
  const token = `nolapse_${id}_${Buffer.from(app.entropy.bytes(secretBytes)).toString('base64url')}`;
  const digest = tokenDigest(token);
  const credential = await change(app, async ({ tx, now, actor, record }) => {
    const made: ApiCredential = {
      id,
      kind: 'token',
      name,
      person: caller?.credential.person ?? tokenPerson(name),
      digest,
      ...right,
      parent: caller?.credential.id ?? null,
      createdAt: now,
      createdBy: actor.name,
      endsAt,
      revokedAt: null,
      lastUsedAt: null,
    };
    await tx.forgetApiCredentials(now - app.settings.journalKeptMs);
    await tx.putApiCredential(made);
    await record({
      action: 'token.added',
      message: `token ${name} (${id}) may ${rightWords(made)} until ${new Date(endsAt).toISOString()}`,
    });
    return made;
  });
  return { credential: credentialView(credential, app.clock.now()), token };
}

/** Twice is once. Rejects with `not_found`, also where the caller's right is not over it. */
export async function revokeToken(app: Changing, caller: Caller | null, id: string): Promise<CredentialView> {
  const credential = await change(app, async ({ tx, now, record }) => {
    const found = await tx.apiCredential(id);
    if (found?.kind !== 'token' || (caller && !isWithin(found, caller.credential))) {
      throw new OperationError('not_found', [`no token ${id.slice(0, 64)}`]);
    }
    if (found.revokedAt !== null) return found;
    const revoked = { ...found, revokedAt: now };
    await tx.putApiCredential(revoked);
    await record({ action: 'token.revoked', message: `token ${found.name} (${id}) revoked` });
    return revoked;
  });
  return credentialView(credential, app.clock.now());
}

/** In order of id; those that the caller's right is over. */
export async function listTokens(
  app: Pick<Context, 'store' | 'clock'>,
  caller: Caller | null,
  page: Page,
): Promise<CredentialView[]> {
  const now = app.clock.now();
  const listed: CredentialView[] = [];
  for (let { after } = page; listed.length < page.limit; ) {
    const found = await app.store.read.apiCredentials('token', { limit: page.limit, ...(after && { after }) });
    const seen = found.filter((each) => !caller || isWithin(each, caller.credential));
    listed.push(...seen.map((each) => credentialView(each, now)));
    after = found.at(-1)?.id;
    if (found.length < page.limit) break;
  }
  return listed.slice(0, page.limit);
}
