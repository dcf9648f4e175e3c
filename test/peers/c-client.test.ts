// The C client of examples/c: mbedTLS, packets of at most 256 bytes, no heap. Most of it runs under the address and undefined
// behaviour sanitizers.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cAbsent, makeC, sanitizers } from './c-build.ts';
import { cborAnswers, cborExpected, cborLines } from './cbor-cases.ts';
import { exits } from './device-program.ts';
import { lossySuite } from './lossy-suite.ts';
import { costsOf, expectRenewed, recertifySuite } from './recertify-suite.ts';
import { welcomeSuite } from './welcome-suite.ts';

let built: string;

beforeAll(() => {
  if (cAbsent) return;
  built = mkdtempSync(join(tmpdir(), 'nolapse-c-'));
  makeC(`${built}/checked`, ['all'], sanitizers());
  makeC(`${built}/plain`, ['all']);
  makeC(`${built}/hurried`, ['all'], 'CFLAGS=-O2 -DHANDSHAKE_MS=4000 -DTRANSFER_MS=3000 -DWATCHDOG_S=2');
});
afterAll(() => {
  if (!cAbsent) rmSync(built, { recursive: true });
});

describe.skipIf(cAbsent)('the C client with a key of its own', () => {
  recertifySuite({ name: 'k', mode: 'csr', program: () => ({ command: join(built, 'checked/renew') }) });
});

describe.skipIf(cAbsent)('the C client with a key of its own, on a bad line', () => {
  lossySuite({ name: 'k', mode: 'csr', program: () => ({ command: join(built, 'plain/renew') }) });
});

describe.skipIf(cAbsent)('the C client on a bad line', () => {
  lossySuite({ name: 'c', mode: 'recertify', program: () => ({ command: join(built, 'plain/renew') }) });
});

describe.skipIf(cAbsent)('the C client, welcomed or not', () => {
  const [plain, hurried] = ['plain', 'hurried'].map((kind) => () => ({ command: join(built, `${kind}/renew`) }));
  if (plain && hurried) welcomeSuite({ name: 'c', mode: 'recertify', program: plain, hurried });
});

describe.skipIf(cAbsent)('the C client', () => {
  const bench = recertifySuite({
    name: 'c',
    mode: 'recertify',
    program: () => ({ command: join(built, 'checked/renew') }),
  });

  it('renews as it would be shipped, without sanitizers', async () => {
    const device = await bench.due('c-plain');
    const run = await device.run({ command: join(built, 'plain/renew') });
    expect(run.code, run.said).toBe(exits.renewed);
    console.log(`c, plain: ${run.said.split('\n').slice(-3).join('; ')}`);
    await expectRenewed(device);
  });

  it('renews with packets of 128 bytes and an id of 64 characters, where the digest follows the replacement', async () => {
    makeC(`${built}/small`, ['all'], 'CFLAGS=-O2 -DPACKET_MAX=128');
    const device = await bench.due(`c-${'x'.repeat(62)}`, { maxPacket: 128 });
    const run = await device.run({ command: join(built, 'small/renew') });
    expect(run.code, run.said).toBe(exits.renewed);
    expect(costsOf(run).largest).toBeLessThanOrEqual(128);
    await expectRenewed(device);
  });

  it('reads the CBOR of every vector, and refuses each that is cut short, and worse', () => {
    const check = join(built, 'checked/check');
    const { status, stdout, stderr } = spawnSync(check, { input: cborLines, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(cborAnswers(stdout)).toEqual(cborExpected);
  });

  it('does not link once something in it calls malloc', () => {
    const out = `${built}/planted`;
    mkdirSync(out, { recursive: true });
    const planted = '#include <stdlib.h>\nvoid *planted(void);\nvoid *planted(void) { return malloc(1); }\n';
    writeFileSync(join(out, 'planted.c'), planted);
    expect(() => makeC(out, ['all'], `MORE=${out}/planted.c`)).toThrow(/undefined reference to `__wrap_malloc'/);
  });

  it('has a core that calls nothing of the system but its port', () => {
    makeC(`${built}/core`, ['core']);
    const objects = readdirSync(`${built}/core`).map((name) => join(built, 'core', name));
    const { status, stdout } = spawnSync('nm', ['-P', ...objects], { encoding: 'utf8' });
    expect(status).toBe(0);
    const symbols = stdout.split('\n').map((line) => line.split(' '));
    const own = new Set(symbols.filter(([, kind]) => kind && kind !== 'U').map(([name]) => name));
    const asked = new Set(
      symbols.filter(([name, kind]) => kind === 'U' && !own.has(name)).map(([name]) => String(name)),
    );
    const outside = [...asked].filter((name) => !/^(port|mbedtls)_/.test(name)).sort();
    const fromC = [
      'abort',
      'memchr',
      'memcmp',
      'memcpy',
      'memmove',
      'memset',
      'snprintf',
      'strcmp',
      'strlen',
      'vsnprintf',
    ];
    expect(
      outside.filter((name) => !fromC.includes(name) && !name.startsWith('__') && !name.startsWith('_GLOBAL')),
    ).toEqual([]);
  });

  it('keeps less than 8 kB of its own in memory', () => {
    const printed = makeC(`${built}/sizes`, ['sizes']);
    const [, data, bss] = /\d+\s+(\d+)\s+(\d+)\s+\d+\s+[0-9a-f]+\s+\(TOTALS\)/.exec(printed) ?? [];
    expect(Number(data) + Number(bss)).toBeLessThan(8_192);
  });
});
