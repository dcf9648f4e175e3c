// The C client of examples/c: mbedTLS, packets of at most 256 bytes, no heap. Most of it runs under the address and undefined
// behaviour sanitizers.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cborAnswers, cborExpected, cborLines } from './cbor-cases.ts';
import { exits } from './device-program.ts';
import { missing } from './missing.ts';
import { type Bench, costsOf, expectRenewed, recertifySuite } from './recertify-suite.ts';

const sources = resolve('examples/c');
const sanitizers = 'CFLAGS=-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all';

/** Builds targets of the Makefile. Fails with what the compiler said. */
function make(out: string, targets: readonly string[], ...variables: string[]): string {
  const words = ['-C', sources, `OUT=${out}`, ...variables, ...targets];
  const { status, stdout, stderr } = spawnSync('make', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`make ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

describe.skipIf(missing('gcc', 'make', '/usr/include/mbedtls/ssl.h'))('the C client', () => {
  const outOf = ({ gateway }: Bench): string => join(gateway.place.folder, 'c');
  const bench = recertifySuite({
    name: 'c',
    program: () => ({ command: join(outOf(bench), 'checked/recertify') }),
    prepare: (ready) => {
      const out = outOf(ready);
      make(`${out}/checked`, ['all'], sanitizers);
      make(`${out}/plain`, ['all']);
      make(`${out}/small`, ['all'], 'CFLAGS=-O2 -DPACKET_MAX=128');
    },
  });

  it('renews as it would be shipped, without sanitizers', async () => {
    const device = await bench.due('c-plain');
    const run = await device.run({ command: join(outOf(bench), 'plain/recertify') });
    expect(run.code, run.said).toBe(exits.renewed);
    console.log(`c, plain: ${run.said.split('\n').slice(-3).join('; ')}`);
    await expectRenewed(device);
  });

  it('renews with packets of 128 bytes and an id of 64 characters, where the digest follows the replacement', async () => {
    const device = await bench.due(`c-${'x'.repeat(62)}`, { maxPacket: 128 });
    const run = await device.run({ command: join(outOf(bench), 'small/recertify') });
    expect(run.code, run.said).toBe(exits.renewed);
    expect(costsOf(run).largest).toBeLessThanOrEqual(128);
    await expectRenewed(device);
  });

  it('reads the CBOR of every vector, and refuses each that is cut short, and worse', () => {
    const check = join(outOf(bench), 'checked/check');
    const { status, stdout, stderr } = spawnSync(check, { input: cborLines, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(cborAnswers(stdout)).toEqual(cborExpected);
  });

  it('does not link once something in it calls malloc', () => {
    const out = `${outOf(bench)}/planted`;
    mkdirSync(out, { recursive: true });
    const planted = '#include <stdlib.h>\nvoid *planted(void);\nvoid *planted(void) { return malloc(1); }\n';
    writeFileSync(join(out, 'planted.c'), planted);
    const parts = `PARTS=arena cbor link mqtt renewal store talk trace ${out}/planted`;
    expect(() => make(out, ['all'], parts)).toThrow(/undefined reference to `__wrap_malloc'/);
  });

  it('keeps less than 8 kB of its own in memory', () => {
    const printed = make(`${outOf(bench)}/sizes`, ['sizes']);
    const [, data, bss] = /\d+\s+(\d+)\s+(\d+)\s+\d+\s+[0-9a-f]+\s+\(TOTALS\)/.exec(printed) ?? [];
    expect(Number(data) + Number(bss)).toBeLessThan(8_192);
  });
});
