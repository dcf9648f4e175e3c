// A next root is prepared, here or elsewhere, and given up. All that is made is real: keys, certificates, signatures and files.
import { createDecipheriv, createPrivateKey, type KeyObject, pbkdf2Sync, sign } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { askOrPrepareRoot, askOrStepRoot, releaseRoot, rootRequest } from '../../src/app/trust/approve-root.ts';
import { confirmBackup } from '../../src/app/trust/confirm-backup.ts';
import { activateIssuing, prepareIssuing } from '../../src/app/trust/issuing-steps.ts';
import { abortRoot, installRoot, type Prepared, prepareRoot } from '../../src/app/trust/root-steps.ts';
import { rootsView } from '../../src/app/trust/roots-status.ts';
import { slotsInUse } from '../../src/app/trust/slots-in-use.ts';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import { encodeStep, type SignedStep, stepSequenceMax } from '../../src/domain/trust-step.ts';
import { backUp } from '../../src/home/backup.ts';
import { restoreHome } from '../../src/home/restore.ts';
import { nameOf, signCa } from '../../src/pki/certificate.ts';
import { readCsr } from '../../src/pki/csr.ts';
import { oids } from '../../src/pki/oids.ts';
import { valuesOf } from '../../src/pki/parts.ts';
import { derToPem, pemToDer } from '../../src/pki/pem.ts';
import { keyIdentifier } from '../../src/pki/public-key.ts';
import { newSerial } from '../../src/pki/serial.ts';
import { signerFor } from '../../src/pki/signature.ts';
import { openStep, signStep, stepVerifies } from '../../src/pki/trust-step.ts';
import { fingerprintOf, readCertificate } from '../../src/pki/x509.ts';
import type { GivenFile } from '../../src/ports/issuing-cas.ts';
import type { KeptRoot } from '../../src/ports/root-slots.ts';
import { operationsIn } from '../fakes/tester.ts';
import { day, ecKey, entropy, scratch, spkiOf } from '../pki/made.ts';
import { makeRoot, type Root } from '../pki/roots.ts';
import { type Assembled, assembled } from './assembled.ts';

const passphrase = 'a passphrase of its own';
const withPort = 'mqtt:\n  nextPort: 8893\n';
const atOnce = `${withPort}trust:\n  approval:\n    root: none\n`;

let home: Assembled;
afterEach(() => home.close());

const begin = async (yaml = atOnce): Promise<void> => {
  home = await assembled({ yaml });
};
const pki = (name: string): string => join(home.home, 'pki', name);
const certificateIn = (name: string): Uint8Array =>
  pemToDer(readFileSync(pki(name), 'utf8'), 'CERTIFICATE')?.[0] as Uint8Array;
const sequenceNow = (): number => Math.floor(Date.now() / 1_000);
const prepare = (
  preparation: 'here' | 'signed_elsewhere' | 'made_elsewhere',
  sequence = sequenceNow(),
): Promise<Prepared> => prepareRoot(home.app, { preparation, passphrase, sequence });
const stepOf = async (number: number): Promise<SignedStep> => {
  const bytes = await home.app.store.read.rootStep(number);
  const opened = openStep(bytes ?? new Uint8Array());
  if (!opened.ok) throw new Error(opened.fault);
  return opened;
};
/** All that a refusal leaves as it was. */
const state = async () => ({
  roots: await home.app.store.read.rootSlots(),
  issuing: await home.app.store.read.issuingSlots(),
  view: await rootsView(home.app),
  files: readdirSync(join(home.home, 'pki')).map((name) => [name, readFileSync(pki(name), 'utf8')]),
});
const withoutRootKey = (): KeyObject => {
  const key = createPrivateKey(readFileSync(pki('root.key')));
  renameSync(pki('root.key'), join(scratch(), 'root.key'));
  return key;
};
const file = (name: string, bytes: Uint8Array | string): GivenFile => ({
  name,
  bytes: new Uint8Array(Buffer.from(bytes)),
});

/** As `openssl enc -d -aes-256-cbc -pbkdf2 -iter 600000 -md sha256 -a` opens it. */
function unsealed(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  const derived = pbkdf2Sync(passphrase, bytes.subarray(8, 16), 600_000, 48, 'sha256');
  const opener = createDecipheriv('aes-256-cbc', derived.subarray(0, 32), derived.subarray(32));
  return new Uint8Array(Buffer.concat([opener.update(bytes.subarray(16)), opener.final()]));
}

describe('a next root that is made here', () => {
  it('is there whole: root, issuing CA, server, the step that names it and its sealed withdrawal', async () => {
    await begin();
    const { root } = await prepare('here');
    const [present, next] = await home.app.store.read.rootSlots();
    const der = certificateIn('root-2.crt');
    const facts = readCertificate(der);
    expect(next).toEqual(root);
    expect(next).toMatchObject({ number: 2, state: 'next', fingerprint: fingerprintOf(der), port: 8_893 });
    expect(facts.ca).toEqual({ is: true, pathLength: null });
    expect(valuesOf(facts.name, oids.commonName)).toEqual([
      `nolapse root ${Buffer.from(keyIdentifier(facts.key.spki).subarray(0, 4)).toString('hex')}`,
    ]);
    expect(
      (await home.app.store.read.issuingSlots()).map(({ number, root: above, state: is }) => [number, above, is]),
    ).toEqual([
      [1, 1, 'current'],
      [2, 2, 'current'],
    ]);
    const [server, issuing] = pemToDer(readFileSync(pki('server-2.crt'), 'utf8'), 'CERTIFICATE') ?? [];
    expect(issuing).toEqual(certificateIn('issuing-2.crt'));
    expect(readCertificate(server as Uint8Array).issuer).toEqual(readCertificate(issuing as Uint8Array).subject);
    for (const name of ['root-2.key', 'issuing-2.key', 'server-2.key', 'root-2.withdrawal']) {
      expect(statSync(pki(name)).mode & 0o777, name).toBe(0o600);
    }
    const { step, signature } = await stepOf(2);
    expect(step).toMatchObject({ kind: 'successor', signer: present?.fingerprint, named: next?.fingerprint });
    expect(step.sequence).toBeGreaterThanOrEqual(sequenceNow() - 60);
    expect(stepVerifies({ step, signature }, certificateIn('root.crt'))).toBe(true);
    const withdrawal = openStep(unsealed(readFileSync(pki('root-2.withdrawal'), 'utf8')));
    expect(withdrawal).toMatchObject({ ok: true, step: { kind: 'withdraw', signer: next?.fingerprint } });
    expect(withdrawal.ok && stepVerifies(withdrawal, der)).toBe(true);
    // No step that the root ever signs makes it stale.
    expect(withdrawal.ok && withdrawal.step.sequence).toBeGreaterThan(900_000_000_000_000);
  });

  it('signs nothing for principals, and is not trusted for them', async () => {
    await begin();
    const before = home.app.authority.trust();
    await prepare('here');
    home.app.issuing.use(await slotsInUse(home.app.store));
    expect(home.app.authority.trust()).toEqual(before);
  });

  it('leaves the issuing CA of the present root the one that signs, also after that has rolled over', async () => {
    await begin();
    await prepare('here');
    await prepareIssuing(home.app, false);
    await activateIssuing(home.app);
    expect(home.app.authority.trust().issuers.map(({ number }) => number)).toEqual([3, 1]);
    expect(home.app.authority.trust().roots).toEqual([certificateIn('root.crt')]);
    // What nobody is served by yet keeps nothing from being restored.
    renameSync(pki('issuing-2.key'), join(scratch(), 'issuing-2.key'));
    const target = join(scratch(), 'backup');
    const { copyLedger } = operationsIn(home.app);
    await backUp({ home: home.home, file: target, replace: false, copyLedger });
    const restored = join(scratch(), 'home');
    const under = { crlShardBase: 'http://localhost:8880/crl/issuing/', isElsewhere: false };
    const { issuingFaults } = await restoreHome({ home: restored, file: target, ...under });
    expect(issuingFaults).toEqual([expect.stringContaining('issuing-2.key is missing')]);
    expect(existsSync(join(restored, 'pki', 'root-2.withdrawal'))).toBe(false);
  });

  it('is confirmed to be in a backup that was made after it and has all of it', async () => {
    await begin();
    const { root } = await prepare('here');
    const issuing = fingerprintOf(certificateIn('issuing-2.crt'));
    const preparedAt = root?.preparedAt ?? 0;
    const good = {
      madeAt: preparedAt,
      files: ['pki/root-2.key', 'pki/issuing-2.key'],
      certificates: [root?.fingerprint ?? '', issuing],
    };
    const before = await state();
    const cases = [
      [{ madeAt: preparedAt - 1 }, 'made before root 2 was prepared'],
      [{ files: ['pki/issuing-2.key'] }, 'no pki/root-2.key'],
      [{ files: ['pki/root-2.key'] }, 'no pki/issuing-2.key'],
      [{ certificates: [issuing] }, `no certificate with the SHA-256 ${root?.fingerprint}`],
      [{ certificates: [root?.fingerprint ?? ''] }, `no certificate with the SHA-256 ${issuing}`],
    ] as const;
    for (const [changes, fault] of cases) {
      await expect(confirmBackup(home.app, { ...good, ...changes })).rejects.toThrow(fault);
      expect(await state()).toEqual(before);
    }
    const later = preparedAt + 1_000;
    expect((await confirmBackup(home.app, good))?.backupAt).toBe(preparedAt);
    // A clock that ran ahead has written the time of this one.
    const ahead = await confirmBackup(home.app, { ...good, madeAt: Date.now() + day });
    expect(ahead?.backupAt).toBeLessThan(Math.max(later, Date.now() + 1));
    expect((await confirmBackup(home.app, good))?.backupAt).toBe(ahead?.backupAt);
    // Where the root's key was taken away, no backup can have it.
    renameSync(pki('root-2.key'), join(scratch(), 'root-2.key'));
    expect(await confirmBackup(home.app, { ...good, files: ['pki/issuing-2.key'] })).not.toBeNull();
  });

  it('is in a backup with its keys, and its withdrawal is not', async () => {
    await begin();
    await prepare('here');
    const target = join(scratch(), 'backup');
    const { copyLedger } = operationsIn(home.app);
    const { files } = await backUp({ home: home.home, file: target, replace: false, copyLedger });
    expect(files).toEqual(expect.arrayContaining(['pki/root-2.key', 'pki/issuing-2.key', 'pki/server-2.crt']));
    expect(files.filter((name) => name.includes('withdrawal'))).toEqual([]);
    const whole = readFileSync(target, 'latin1');
    expect(whole).not.toContain(readFileSync(pki('root-2.withdrawal'), 'utf8').slice(0, 60));
  });

  it('is refused without a port, and beside another one', async () => {
    await begin('');
    await expect(prepare('here')).rejects.toThrow('mqtt.nextPort is not set');
    await home.close();
    await begin();
    await prepare('here');
    const before = await state();
    await expect(prepare('here', sequenceNow() + 5)).rejects.toThrow('there is a next root already');
    expect(await state()).toEqual(before);
  });

  it('is refused without the key of the present root, and says how it goes then', async () => {
    await begin();
    withoutRootKey();
    const before = await state();
    await expect(prepare('here')).rejects.toThrow('nolapse trust prepare root --request FILE');
    expect(await state()).toEqual(before);
  });

  it('has a sequence above every earlier one, and a number of its own after it was given up', async () => {
    await begin();
    const far = sequenceNow() + 1_000;
    await prepare('here', far);
    expect(await abortRoot(home.app)).toBe(2);
    expect(readdirSync(join(home.home, 'pki')).filter((name) => /^(root|issuing)-2/.test(name))).toEqual([]);
    await expect(prepare('here', far + 1)).rejects.toThrow(`a step with the sequence ${far + 1} was made since`);
    const asked = await askOrPrepareRoot(home.app, { preparation: 'here', passphrase });
    expect(asked).toMatchObject({ done: { root: { number: 3, sequence: far + 2 } } });
    const slots = await home.app.store.read.rootSlots();
    expect(slots.map(({ number, state: is }) => [number, is])).toEqual([
      [1, 'current'],
      [2, 'aborted'],
      [3, 'next'],
    ]);
    expect(slots[1]?.endedAt).toBeGreaterThan(0);
  });

  it('is not made where its steps would reach the sequences of withdrawals', async () => {
    await begin();
    const before = await state();
    for (const sequence of [stepSequenceMax - 1_001, stepSequenceMax]) {
      await expect(prepare('here', sequence)).rejects.toThrow('leaves room for withdrawals');
      expect(await state()).toEqual(before);
    }
    await prepare('here', stepSequenceMax - 1_002);
    await abortRoot(home.app);
    await expect(askOrPrepareRoot(home.app, { preparation: 'here', passphrase })).rejects.toThrow(
      'room for withdrawals',
    );
  });

  it('has the step in which it drops the older ones signed with it, and later where an older version did not', async () => {
    await begin();
    const { root } = await prepare('here');
    const sequence = (root?.sequence ?? 0) + 1;
    const [kept] = await home.app.store.read.trustSteps();
    expect(kept).toMatchObject({ sequence, kind: 'drop', signer: 2, announcedFrom: null });
    // As that version left it.
    if (kept) {
      const bytes = (await home.app.store.read.trustStepBytes(sequence)) ?? new Uint8Array();
      await home.app.store.transact((tx) => tx.putTrustStep({ ...kept, keptUntil: 0 }, bytes));
      await home.app.store.transact((tx) => tx.forgetTrustSteps(1));
    }
    expect(await home.app.store.read.trustSteps()).toEqual([]);
    expect(await rootRequest(home.app)).toBeNull();
    await home.app.store.transact((tx) => tx.putRootSlot({ ...(root as KeptRoot), backupAt: Date.now() }));
    // No broker runs here.
    home.nextPort.port = { reach: async () => ({ ok: true }), sessionsUnder: () => 0 };
    await askOrStepRoot(home.app, 'distribute', {});
    const steps = await home.app.store.read.trustSteps();
    expect(steps.map(({ kind, announcedFrom }) => [kind, announcedFrom !== null])).toEqual([
      ['successor', true],
      ['drop', false],
    ]);
  });

  it('is made anew where a kill left its files without rows', async () => {
    await begin();
    const next = { number: 2, issuing: 2, present: 1, sequence: sequenceNow() };
    const left = await home.app.roots.make(next, passphrase, Date.now());
    const { root } = await prepare('here');
    expect(root?.number).toBe(2);
    expect(root?.fingerprint).not.toBe(left.fingerprint);
    expect(fingerprintOf(certificateIn('root-2.crt'))).toBe(root?.fingerprint);
  });
});

describe('a step that is signed elsewhere', () => {
  it('is asked for as text, and taken as a signature in any of three forms', async () => {
    for (const form of ['raw', 'base64', 'step'] as const) {
      await begin();
      const key = withoutRootKey();
      const { awaited } = await prepare('signed_elsewhere');
      const request = await rootRequest(home.app);
      expect(request).toMatchObject({ number: 2, wants: 'signature', sequence: awaited?.sequence });
      expect(request?.text).toMatch(/^nolapse trust 1\nsuccessor\n\d+\n[0-9a-f]{64}\n[0-9a-f]{64}\n$/);
      const signature = sign('sha256', Buffer.from(request?.text ?? ''), key);
      const step = {
        kind: 'successor' as const,
        sequence: awaited?.sequence ?? 0,
        signer: fingerprintOf(certificateIn('root.crt')),
        named: fingerprintOf(certificateIn('root-2.crt')),
        root: certificateIn('root-2.crt'),
      };
      const forms = { raw: signature, base64: signature.toString('base64'), step: encodeStep({ step, signature }) };
      const { root } = await installRoot(home.app, [file('back', forms[form])]);
      expect(root).toMatchObject({ number: 2, state: 'next', sequence: awaited?.sequence });
      expect(stepVerifies(await stepOf(2), certificateIn('root.crt'))).toBe(true);
      expect(await rootRequest(home.app)).toBeNull();
      if (form !== 'step') await home.close();
    }
  });

  it('is refused with its file and the reason where it does not fit, and nothing changes', async () => {
    await begin();
    const key = withoutRootKey();
    const { awaited } = await prepare('signed_elsewhere');
    const request = await rootRequest(home.app);
    const text = request?.text ?? '';
    const root = certificateIn('root-2.crt');
    const [signer, named] = [fingerprintOf(certificateIn('root.crt')), fingerprintOf(root)];
    const sequence = awaited?.sequence ?? 0;
    const other = makeRoot('another root');
    const by = (changes: object): Uint8Array =>
      signStep({ kind: 'successor', sequence, signer, named, root, ...changes } as never, key);
    const cases: [string | Uint8Array, string][] = [
      [sign('sha256', Buffer.from(text), ecKey()), 'f: does not verify'],
      [sign('sha256', Buffer.from(text.replace(String(sequence), String(sequence + 1))), key), 'f: does not verify'],
      [by({ sequence: sequence - 1 }), `f: is a step with the sequence ${sequence - 1}, and ${sequence} was asked for`],
      [by({ kind: 'drop' }), 'f: is a step of kind drop'],
      [by({ signer: fingerprintOf(other.der) }), 'f: is a step of another root'],
      [by({ named: fingerprintOf(other.der), root: other.der }), 'f: names another root'],
      ['', 'f: is no signature'],
      ['x'.repeat(5_000), 'f: is no signature'],
      [readFileSync(pki('root.crt')), 'f: does not verify'],
    ];
    const before = await state();
    for (const [bytes, fault] of cases) {
      await expect(installRoot(home.app, [file('f', bytes)])).rejects.toThrow(fault);
      expect(await state()).toEqual(before);
    }
  });
});

describe('a root that is made elsewhere', () => {
  const issuingFor = (root: Root, spki: Uint8Array, changes: object = {}): Uint8Array =>
    signCa(
      {
        serial: newSerial(entropy),
        commonName: 'issuing of elsewhere',
        notBefore: Date.now() - day,
        notAfter: Date.now() + 1_000 * day,
        spki,
        usages: { keyUsage: ['keyCertSign', 'cRLSign'], extendedKeyUsage: [] },
        pathLength: 0,
        ...changes,
      },
      { name: nameOf(root.name), keyId: keyIdentifier(spkiOf(root.key)), signer: signerFor(root.key) },
    );
  const age = { notBefore: Date.now() - day, notAfter: Date.now() + 30 * 365 * day };
  const requested = async (): Promise<Uint8Array> => {
    const request = await rootRequest(home.app);
    const csr = readCsr(pemToDer(request?.text ?? '', 'CERTIFICATE REQUEST')?.[0] as Uint8Array);
    if ('code' in csr) throw new Error(csr.code);
    return csr.key.spki;
  };

  it('is taken with the certificate of the issuing CA, and named by the present root', async () => {
    await begin();
    await prepare('made_elsewhere');
    expect(await rootRequest(home.app)).toMatchObject({ wants: 'root' });
    const root = makeRoot('root of elsewhere', age);
    const issuing = issuingFor(root, await requested());
    const pem = derToPem(issuing, 'CERTIFICATE') + derToPem(root.der, 'CERTIFICATE');
    const { root: taken } = await installRoot(home.app, [file('chain.pem', pem)]);
    expect(taken).toMatchObject({ number: 2, fingerprint: fingerprintOf(root.der) });
    expect(stepVerifies(await stepOf(2), certificateIn('root.crt'))).toBe(true);
    expect(existsSync(pki('root-2.key'))).toBe(false);
    expect(certificateIn('issuing-2.crt')).toEqual(issuing);
  });

  it('has the step in which it drops the older ones signed where its key is', async () => {
    await begin();
    await prepare('made_elsewhere');
    const root = makeRoot('root of elsewhere', age);
    const files = [file('root.der', root.der), file('issuing.der', issuingFor(root, await requested()))];
    const { root: taken } = await installRoot(home.app, files);
    if (!taken) throw new Error('it was not taken');
    expect((await rootsView(home.app)).due).toMatch(/^root 2 has not signed the step in which it drops the older ones/);
    expect((await rootsView(home.app)).awaited).toEqual({
      number: 2,
      sequence: (taken.sequence ?? 0) + 1,
      wants: 'drop',
    });
    await expect(askOrStepRoot(home.app, 'distribute', {})).rejects.toThrow(
      'is not signed: nolapse trust prepare root',
    );
    const request = await rootRequest(home.app);
    const name = fingerprintOf(root.der);
    const sequence = (taken.sequence ?? 0) + 1;
    expect(request?.text).toBe(`nolapse trust 1\ndrop\n${sequence}\n${name}\n${name}\n`);
    const present = createPrivateKey(readFileSync(pki('root.key')));
    const text = request?.text ?? '';
    const cases: [Uint8Array | string, string][] = [
      [sign('sha256', Buffer.from(text), present), 'f: does not verify: it is no signature of root 2'],
      [sign('sha256', Buffer.from(text.replace('drop', 'withdraw')), root.key), 'f: does not verify'],
      [signStep({ kind: 'drop', sequence: sequence + 1, signer: name }, root.key), `and ${sequence} was asked for`],
      [signStep({ kind: 'withdraw', sequence, signer: name }, root.key), 'is a step of kind withdraw'],
      ['', 'f: is no signature'],
    ];
    const before = await state();
    for (const [bytes, fault] of cases) {
      await expect(installRoot(home.app, [file('f', bytes)])).rejects.toThrow(fault);
      expect(await state()).toEqual(before);
    }
    await installRoot(home.app, [file('f', sign('sha256', Buffer.from(text), root.key))]);
    expect(await home.app.store.read.trustSteps()).toMatchObject([
      { sequence, kind: 'drop', signer: 2, named: 2, announcedFrom: null, keptUntil: taken.notAfter },
    ]);
    const drop = openStep((await home.app.store.read.trustStepBytes(sequence)) ?? new Uint8Array());
    expect(drop.ok && stepVerifies(drop, root.der)).toBe(true);
    expect(await rootRequest(home.app)).toBeNull();
    await expect(installRoot(home.app, [file('f', '')])).rejects.toThrow('no root is asked for elsewhere');
    // Given up, the step is forgotten with it.
    await abortRoot(home.app);
    await home.app.store.transact((tx) => tx.forgetTrustSteps(Date.now()));
    expect(await home.app.store.read.trustSteps()).toEqual([]);
  });

  it('waits for a signature where the key of the present root is elsewhere too', async () => {
    await begin();
    const key = withoutRootKey();
    await prepare('made_elsewhere');
    const root = makeRoot('root of elsewhere', age);
    const files = [file('root.der', root.der), file('issuing.der', issuingFor(root, await requested()))];
    expect(await installRoot(home.app, files)).toMatchObject({ root: null, awaited: { number: 2 } });
    const request = await rootRequest(home.app);
    expect(request?.wants).toBe('signature');
    const { root: taken } = await installRoot(home.app, [
      file('s', sign('sha256', Buffer.from(request?.text ?? ''), key)),
    ]);
    expect(taken?.fingerprint).toBe(fingerprintOf(root.der));
  });

  it('is refused with its file and the reason where it does not fit, and nothing changes', async () => {
    await begin();
    await prepare('made_elsewhere');
    const spki = await requested();
    const good = makeRoot('root of elsewhere', age);
    const present = createPrivateKey(readFileSync(pki('root.key')));
    const old = { notBefore: Date.now() - 2 * day, notAfter: Date.now() - day };
    const cases: [Root, Uint8Array, string][] = [
      [makeRoot('r', { ...age, ca: false }), issuingFor(good, spki), 'root: is no root: it is no CA'],
      [makeRoot('r', { ...age, pathLength: 0 }), issuingFor(good, spki), 'root: is no root: no CA may follow below it'],
      [makeRoot('r', { ...age, pathLength: 1 }), issuingFor(good, spki), 'root: has a path length of 1'],
      [makeRoot('r', old), issuingFor(good, spki), 'root: ended'],
      [
        makeRoot('r', { ...age, notAfter: Date.now() + 100 * day }),
        issuingFor(good, spki),
        'no later than the present root',
      ],
      [makeRoot('r', { ...age, signedWith: ecKey() }), issuingFor(good, spki), 'root: is no root: its signature'],
      [makeRoot('r', { ...age, key: present }), issuingFor(good, spki), 'root: has the key of the present root'],
      [good, issuingFor(makeRoot('unrelated', age), spki), 'issuing: is not signed by the root'],
      [good, issuingFor(good, spkiOf(ecKey())), 'issuing: neither the root in root nor the issuing CA'],
      [good, issuingFor(good, spki, { pathLength: null }), 'issuing: has no path length of 0'],
      [good, issuingFor(good, spki, old), 'issuing: ended'],
      [good, good.der, 'the certificate is missing'],
    ];
    const before = await state();
    for (const [root, issuing, fault] of cases) {
      await expect(installRoot(home.app, [file('root', root.der), file('issuing', issuing)])).rejects.toThrow(fault);
      expect(await state()).toEqual(before);
    }
    await expect(installRoot(home.app, [file('junk', 'junk')])).rejects.toThrow('junk: is no X.509 certificate');
    expect(await state()).toEqual(before);
    await abortRoot(home.app);
    await expect(installRoot(home.app, [file('root', good.der)])).rejects.toThrow('no root is asked for');
  });
});

describe('a root that has to be released', () => {
  it('is made by the second command, which names step, sequence and root', async () => {
    await begin(withPort);
    const asked = await askOrPrepareRoot(home.app, { preparation: 'here', passphrase });
    if (!('asked' in asked)) throw new Error('it was not asked for');
    const { sequence, root, release } = asked.asked;
    expect(root).toBe(fingerprintOf(certificateIn('root.crt')));
    expect(release).toBe(`nolapse trust release prepare root ${sequence} ${root}`);
    expect(existsSync(pki('root-2.crt'))).toBe(false);
    const before = await state();
    const named = { step: 'prepare' as const, sequence, sha256: root, passphrase };
    const others = [
      [{ step: 'activate' as const }, 'another step waits'],
      [{ sequence: sequence + 1 }, 'the step that waits has another sequence'],
      [{ sha256: 'f'.repeat(64) }, 'the step that waits is about another root'],
      [{ passphrase: undefined }, 'passphrase'],
    ] as const;
    for (const [other, fault] of others) {
      await expect(releaseRoot(home.app, { ...named, ...other })).rejects.toThrow(fault);
      expect(await state()).toEqual(before);
    }
    const sha256 = (root as Fingerprint).toUpperCase().replace(/..(?=.)/g, '$&:');
    expect(await releaseRoot(home.app, { ...named, sha256 })).toMatchObject({ root: { number: 2, sequence } });
    await expect(releaseRoot(home.app, named)).rejects.toThrow('no step waits to be released');
  });

  it('is void after another step', async () => {
    await begin(withPort);
    const [one, two] = ['here', 'made_elsewhere'] as const;
    const first = await askOrPrepareRoot(home.app, { preparation: one });
    await askOrPrepareRoot(home.app, { preparation: two });
    if (!('asked' in first)) throw new Error('it was not asked for');
    await prepare('made_elsewhere', first.asked.sequence + 9);
    const { step, sequence, root: sha256 } = first.asked;
    await expect(releaseRoot(home.app, { step, sequence, sha256, passphrase })).rejects.toThrow('no step waits');
  });
});
