// What the application relies on in every authority, the local one and one elsewhere: the certificate is what was asked for, or it is
// not believed; asked twice nothing goes wrong; what an authority cannot do is absent.
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Answer, askAuthority } from '../../src/app/renewal/ask-authority.ts';
import { authorities } from '../../src/authority/index.ts';
import { initPki } from '../../src/authority/init.ts';
import { bareSerial, isForeign, type Serial } from '../../src/domain/certificate.ts';
import { readCrl } from '../../src/pki/crl.ts';
import { makeCsr } from '../../src/pki/own-request.ts';
import type { Authority } from '../../src/ports/authority.ts';
import { type Fault, faults, OutsideCa } from '../fakes/outside-ca.ts';
import { inPages, whole } from '../pki/lists.ts';
import { approvedFor, day, ecKey, locations, scratch, serverOptions, spkiOf } from '../pki/made.ts';

const clock = { now: () => Date.now(), steady: () => performance.now() };
const code = (expected: string) => expect.objectContaining({ name: 'NolapseError', code: expected });

function requestFor(id: string) {
  const key = ecKey();
  const now = Math.floor(Date.now() / 1_000) * 1_000;
  const validity = { notBefore: now - 60_000, notAfter: now + 30 * day };
  return approvedFor(id, spkiOf(key), validity, makeCsr(id, key));
}

/** Asks until it has decided. */
async function answerOf(authority: Authority, request: ReturnType<typeof requestFor>) {
  for (let times = 0; times < 100; times += 1) {
    const answer = await ask(authority, request);
    if (answer.kind === 'issued') return answer;
    await delay(10);
  }
  throw new Error('it is still pending');
}

const ask = (authority: Authority, request: ReturnType<typeof requestFor>) =>
  askAuthority({ authority, clock }, request, null, null);

function issued(answer: Answer) {
  if (answer.kind !== 'issued') throw new Error('it is pending');
  return answer;
}

function local(): Authority {
  const dir = join(scratch(), 'pki');
  initPki(dir, { ...serverOptions, now: Date.now() });
  return authorities.local(dir, { locations: () => locations });
}

const kinds: Readonly<Record<string, () => Authority>> = {
  'the local authority': local,
  'a CA elsewhere': () => new OutsideCa().authority,
  'a CA elsewhere that is told of revocations': () => new OutsideCa({ takesWord: true }).authority,
  'a CA elsewhere that has every request pending first': () => {
    const ca = new OutsideCa();
    ca.pendingTimes = 1;
    return ca.authority;
  },
};

describe.each(Object.entries(kinds))('%s', (_, open) => {
  it('is trusted by a root above the chain of each issuer', () => {
    const { issuers, roots } = open().trust();
    for (const { chain, notAfter } of issuers) {
      const path = [...chain, roots[0]].map((der) => new X509Certificate(der));
      path.slice(1).forEach((above, index) => void expect(path[index]?.verify(above.publicKey)).toBe(true));
      expect(notAfter).toBeGreaterThan(Date.now());
    }
  });

  it('certifies the key of a request for its principal, within the wanted validity, under a chain of its own', async () => {
    const authority = open();
    const request = requestFor('meter-1');
    const { entry, chain } = await answerOf(authority, request);
    expect(entry).toMatchObject({
      principalId: 'meter-1',
      keyFingerprint: request.keyFingerprint,
      state: 'issued',
      renewalId: null,
    });
    expect(entry.notBefore).toBeGreaterThanOrEqual(request.notBefore);
    expect(entry.notAfter).toBeLessThanOrEqual(request.notAfter);
    expect(new X509Certificate(entry.der).verify(new X509Certificate(chain[0]).publicKey)).toBe(true);
    expect(authority.trust().issuers.map((issuer) => issuer.chain[0])).toContainEqual(chain[0]);
  });

  it('may be asked for the same request twice', async () => {
    const authority = open();
    const request = requestFor('meter-1');
    const [first, second] = [await answerOf(authority, request), await answerOf(authority, request)];
    expect(second.entry.keyFingerprint).toBe(first.entry.keyFingerprint);
  });

  it('gives every certificate a serial number of its own in the ledger', async () => {
    const authority = open();
    const answers = [];
    for (const id of ['meter-1', 'meter-2', 'meter-3']) answers.push(await answerOf(authority, requestFor(id)));
    expect(new Set(answers.map(({ entry }) => entry.serial)).size).toBe(3);
  });

  it('is asked for no key without a request unless it certifies such keys', async () => {
    const authority = open();
    const { notBefore, notAfter } = requestFor('meter-1');
    const request = approvedFor('meter-1', spkiOf(ecKey()), { notBefore, notAfter });
    if (authority.certifiesKeys) await answerOf(authority, request);
    else await expect(ask(authority, request)).rejects.toEqual(code('csr_missing'));
  });

  it('may be told of one revocation twice, or has no such method', async () => {
    const authority = open();
    if (!authority.revoke) return void expect('revoke' in authority).toBe(false);
    const { entry } = await answerOf(authority, requestFor('meter-1'));
    const reason = 'superseded' as const;
    const told = { serial: bareSerial(entry.serial), certificate: entry.der, revokedAt: entry.notBefore, reason };
    await expect(authority.revoke(told)).resolves.toBeUndefined();
    await expect(authority.revoke(told)).resolves.toBeUndefined();
  });

  it('signs revocation lists that its issuer verifies, or has no such method', async () => {
    const authority = open();
    if (!authority.signCrl) return void expect('signCrl' in authority).toBe(false);
    const { entry, chain } = await answerOf(authority, requestFor('meter-1'));
    expect(isForeign(entry)).toBe(false);
    const revoked = [{ serial: entry.serial, revokedAt: entry.notBefore, reason: 'superseded' as const }];
    const list = { number: 1, thisUpdate: entry.notBefore, nextUpdate: entry.notAfter, distributionPoint: null };
    const der = await whole(authority.signCrl({ ...list, revoked: inPages(revoked) }));
    expect(readCrl(der, chain[0])).toMatchObject({ revoked, signatureValid: true });
  });
});

describe('a CA elsewhere', () => {
  it('has a request pending for a while', async () => {
    const ca = new OutsideCa();
    ca.pendingTimes = 1;
    const request = requestFor('meter-1');
    expect(await ask(ca.authority, request)).toEqual({ kind: 'pending', askAgainMs: 1_000 });
    expect(issued(await ask(ca.authority, request)).entry.principalId).toBe('meter-1');
  });

  it('is told from one that is wrong when it is down', async () => {
    const ca = new OutsideCa();
    ca.isDown = true;
    await expect(ask(ca.authority, requestFor('meter-1'))).rejects.toEqual(code('authority_unavailable'));
  });

  it('keeps a revocation as it was told first', async () => {
    const ca = new OutsideCa({ takesWord: true });
    const { entry } = issued(await ask(ca.authority, requestFor('meter-1')));
    const first = {
      serial: '01' as Serial,
      certificate: entry.der,
      revokedAt: 1_000,
      reason: 'keyCompromise' as const,
    };
    await ca.authority.revoke?.(first);
    await ca.authority.revoke?.({ ...first, revokedAt: 2_000, reason: 'superseded' });
    expect([...ca.revoked.values()]).toEqual([first]);
  });

  it('has its serial numbers told from those of others that count from 1 too', async () => {
    const [first, second] = [new OutsideCa(), new OutsideCa()];
    const serials = [];
    for (const ca of [first, second]) serials.push(issued(await ask(ca.authority, requestFor('meter-1'))).entry.serial);
    first.rollOver();
    serials.push(issued(await ask(first.authority, requestFor('meter-1'))).entry.serial);
    expect(new Set(serials).size).toBe(3);
    expect(serials.every((serial) => isForeign({ serial }))).toBe(true);
  });

  it.each([...Object.keys(faults), 'no certificate'] as Fault[])('is not believed with %s', async (fault) => {
    const ca = new OutsideCa();
    ca.fault = fault;
    await expect(ask(ca.authority, requestFor('meter-1'))).rejects.toEqual(code('authority_mistaken'));
    expect(ca.made).toBe(1);
  });
});
