// Roots whose keys are elsewhere, with openssl as whoever has them uses it: what it makes and signs is taken, and what nolapse seals and
// signs it opens and verifies.
import { execFile } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { rootRequest } from '../../src/app/trust/approve-root.ts';
import { installRoot, prepareRoot } from '../../src/app/trust/root-steps.ts';
import { stepText } from '../../src/domain/trust-step.ts';
import { openSealedCommand } from '../../src/pki/sealed.ts';
import { openStep } from '../../src/pki/trust-step.ts';
import { type Assembled, assembled } from '../app/assembled.ts';
import { scratch } from '../pki/made.ts';

const run = promisify(execFile);
const passphrase = 'a passphrase of its own';
const sequence = Math.floor(Date.now() / 1_000);

let home: Assembled;
afterEach(() => home.close());

const openssl = (dir: string, line: string) => run('openssl', line.split(' '), { cwd: dir });
const given = (dir: string, ...names: string[]) =>
  names.map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(dir, name))) }));
const begin = async (): Promise<string> => {
  home = await assembled({ yaml: 'mqtt: { nextPort: 8893 }\n' });
  return scratch();
};

it('takes a root and a certificate that openssl made, and the signature of the present root by openssl', async () => {
  const dir = await begin();
  renameSync(join(home.home, 'pki', 'root.key'), join(dir, 'root.key'));
  await prepareRoot(home.app, { preparation: 'made_elsewhere', passphrase: '', sequence });
  writeFileSync(join(dir, 'issuing.csr'), (await rootRequest(home.app))?.text ?? '');
  const ca = ['basicConstraints = critical, CA:TRUE, pathlen:0', 'keyUsage = critical, keyCertSign, cRLSign'];
  const ids = ['subjectKeyIdentifier = hash', 'authorityKeyIdentifier = keyid'];
  writeFileSync(join(dir, 'ca.cnf'), `${[...ca, ...ids].join('\n')}\n`);
  const root = ca.map((line) => line.replace(', pathlen:0', ''));
  writeFileSync(
    join(dir, 'root.cnf'),
    `[req]\ndistinguished_name = dn\n[dn]\n[ext]\n${[...root, ids[0]].join('\n')}\n`,
  );
  await openssl(dir, 'ecparam -name prime256v1 -genkey -noout -out root-2.key');
  await openssl(
    dir,
    'req -x509 -new -key root-2.key -sha256 -days 9000 -subj /CN=elsewhere -config root.cnf -extensions ext -out root-2.crt',
  );
  const sign = '-CA root-2.crt -CAkey root-2.key -CAcreateserial -days 1825 -extfile ca.cnf -out issuing-2.crt';
  await openssl(dir, `x509 -req -in issuing.csr ${sign}`);
  expect(await installRoot(home.app, given(dir, 'issuing-2.crt', 'root-2.crt'))).toMatchObject({ root: null });
  writeFileSync(join(dir, 'step.txt'), (await rootRequest(home.app))?.text ?? '');
  await openssl(dir, 'dgst -sha256 -sign root.key -out step.sig step.txt');
  const { root: taken } = await installRoot(home.app, given(dir, 'step.sig'));
  expect(taken).toMatchObject({ number: 2, state: 'next', sequence });
  const { stdout } = await openssl(
    dir,
    `verify -CAfile root-2.crt -untrusted issuing-2.crt ${join(home.home, 'pki', 'server-2.crt')}`,
  );
  expect(stdout).toMatch(/: OK$/m);
});

it('seals a withdrawal that openssl opens and verifies', async () => {
  const dir = await begin();
  await prepareRoot(home.app, { preparation: 'here', passphrase, sequence });
  const pki = (name: string): string => join(home.home, 'pki', name);
  const opening = `${openSealedCommand.replace(/^openssl /, '')} -in ${pki('root-2.withdrawal')} -out opened`;
  await run('openssl', [...opening.split(' '), '-pass', `pass:${passphrase}`], { cwd: dir });
  const opened = openStep(new Uint8Array(readFileSync(join(dir, 'opened'))));
  if (!opened.ok) throw new Error(opened.fault);
  writeFileSync(join(dir, 'text'), stepText(opened.step));
  writeFileSync(join(dir, 'signature'), opened.signature);
  await openssl(dir, `x509 -in ${pki('root-2.crt')} -pubkey -noout -out key.pem`);
  const { stdout } = await openssl(dir, 'dgst -sha256 -verify key.pem -signature signature text');
  expect(stdout).toBe('Verified OK\n');
});
