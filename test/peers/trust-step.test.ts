// The steps of roots, checked by the commands of the protocol's page, and signed by openssl: a device that has it needs nothing else.
import { execFile, spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeStep, stepText, type TrustStep } from '../../src/domain/trust-step.ts';
import { derToPem, pemToDer } from '../../src/pki/pem.ts';
import { objectToRoot, openStep, signStep, stepVerifies } from '../../src/pki/trust-step.ts';
import { fingerprintOf } from '../../src/pki/x509.ts';
import { ecKey } from '../pki/made.ts';
import { makeRoot as ownRoot } from '../pki/roots.ts';
import { written } from '../wire/vectors.ts';
import { missing } from './missing.ts';

const dir = mkdtempSync(join(tmpdir(), 'nolapse-steps-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const section = readFileSync('docs/protocol.md', 'utf8').split('\n## Trust steps\n')[1] ?? '';
writeFileSync(join(dir, 'check.sh'), /```sh\n([\s\S]*?)```/.exec(section)?.[1] ?? 'exit 1');

const sh = (script: string) => promisify(execFile)('sh', ['-euc', script], { cwd: dir });
const at = (name: string): string => join(dir, name);

async function makeRoot(name: string, type: string): Promise<Uint8Array> {
  await sh(
    `openssl req -x509 -newkey ${type} -nodes -keyout ${name}.key -out ${name}.crt -subj '/CN=${name}' -days 7300 2> errors`,
  );
  const [der] = pemToDer(readFileSync(at(`${name}.crt`), 'utf8'), 'CERTIFICATE') ?? [];
  if (!der) throw new Error('openssl made no root');
  return der;
}

/** What the commands say of a step by `root.crt`; rejects when they refuse it. */
async function check(step: Uint8Array): Promise<void> {
  writeFileSync(at('step.bin'), step);
  await sh('rm -f next.crt; . ./check.sh');
}

describe.each(['ec -pkeyopt ec_paramgen_curve:P-256', 'ec -pkeyopt ec_paramgen_curve:P-384', 'rsa:2048'])(
  'openssl, with roots that have keys of type %s,',
  (type) => {
    const made = async () => {
      const [root, next] = [await makeRoot('root', type), await makeRoot('next-root', type)];
      const said = { sequence: 1_796_083_200, signer: fingerprintOf(root) };
      const all: TrustStep[] = [
        { kind: 'successor', ...said, named: fingerprintOf(next), root: next },
        { kind: 'drop', ...said },
        { kind: 'withdraw', ...said },
      ];
      return { root, next, all, key: createPrivateKey(readFileSync(at('root.key'))) };
    };
    let steps: ReturnType<typeof made>;
    beforeAll(async () => {
      steps = made();
      await steps;
    });

    it('verifies each step that is signed here, and takes the next root out of it', async () => {
      const { all, key, next } = await steps;
      for (const step of all) {
        await check(signStep(step, key));
        expect(readFileSync(at('step.txt'), 'latin1')).toBe(stepText(step));
        if (step.kind !== 'successor') continue;
        expect(pemToDer(readFileSync(at('next.crt'), 'utf8'), 'CERTIFICATE')).toEqual([next]);
      }
    });

    it('refuses a step in which any byte is another', async () => {
      const { all, key } = await steps;
      const bytes = signStep(all[0] as TrustStep, key);
      for (const place of [0, 1, 5, 12, 43, 100, bytes.length - 1]) {
        const other = Uint8Array.from(bytes);
        other[place] = (other[place] ?? 0) ^ 1;
        await expect(check(other)).rejects.toThrow();
      }
      await expect(
        check(signStep({ ...(all[1] as TrustStep), signer: 'a'.repeat(64) } as TrustStep, key)),
      ).rejects.toThrow();
    });

    it('signs steps that verify here, over roots that it made', async () => {
      const { all, root, next } = await steps;
      expect([root, next].map(objectToRoot)).toEqual([null, null]);
      for (const step of all) {
        writeFileSync(at('own.txt'), stepText(step), 'latin1');
        await sh('openssl dgst -sha256 -sign root.key -out own.sig own.txt');
        const opened = openStep(encodeStep({ step, signature: new Uint8Array(readFileSync(at('own.sig'))) }));
        if (!opened.ok) throw new Error(opened.fault);
        expect(stepVerifies(opened, root)).toBe(true);
        expect(stepVerifies(opened, next)).toBe(false);
      }
    });
  },
);

describe("the page's own steps", () => {
  it.each(written.filter(({ root }) => root !== undefined))(
    '$name is verified by its commands',
    async ({ root, message }) => {
      writeFileSync(at('root.crt'), derToPem(new Uint8Array(Buffer.from(root ?? '', 'hex')), 'CERTIFICATE'));
      await check(new Uint8Array(Buffer.from(String(message['bytes']), 'hex')));
    },
  );
});

describe.skipIf(missing('gcc', '/usr/include/mbedtls/x509_crt.h'))(
  'a device with mbedTLS and 600 bytes for a step',
  () => {
    beforeAll(() => {
      const words = ['-O1', '-Wall', '-Wextra', '-Werror', '-o', at('trust-step'), resolve('test/peers/trust-step.c')];
      const made = spawnSync('gcc', [...words, '-lmbedx509', '-lmbedcrypto'], { encoding: 'utf8' });
      expect(made.stderr).toBe('');
    });

    function said(step: Uint8Array, root: Uint8Array): string {
      writeFileSync(at('root.der'), root);
      const { stdout, stderr } = spawnSync(at('trust-step'), [at('root.der')], { input: step, encoding: 'utf8' });
      return `${stdout}${stderr}`.trim();
    }

    it.each(['P-256', 'P-384'])('checks steps by a root with a key of type %s, and refuses what is not', (curve) => {
      const [root, next] = [ownRoot('root 1', { key: ecKey(curve) }), ownRoot('root 2')];
      const by = { sequence: 999_999_999_999_999, signer: fingerprintOf(root.der) };
      const successor: TrustStep = { kind: 'successor', ...by, named: fingerprintOf(next.der), root: next.der };
      const step = signStep(successor, root.key);
      expect(said(step, root.der)).toBe(`successor ${next.der.length}`);
      expect(said(signStep({ kind: 'drop', ...by }, root.key), root.der)).toBe('drop 0');
      expect(said(signStep({ kind: 'withdraw', ...by }, root.key), root.der)).toBe('withdraw 0');
      expect(said(step, next.der)).toBe('unknown_signer');
      expect(said(signStep(successor, next.key), root.der)).toBe('bad_signature');
      for (const [place, reason] of [
        [0, 'malformed_step'],
        [9, 'bad_signature'],
        [20, 'unknown_signer'],
        [50, 'malformed_step'],
        [200, 'malformed_step'],
        [step.length - 1, 'bad_signature'],
      ] as const) {
        expect(said(step.with(place, (step[place] ?? 0) ^ 1), root.der)).toBe(reason);
      }
      for (const length of [0, 75, 76, 76 + next.der.length]) {
        expect(said(step.subarray(0, length), root.der)).toBe('malformed_step');
      }
    });
  },
);
