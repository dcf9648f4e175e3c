// The MicroPython client of examples/micropython, on the unix port with a heap of 128 kB, its TLS the port's own.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cborAnswers, cborExpected, cborLines } from './cbor-cases.ts';
import { lossySuite } from './lossy-suite.ts';
import { missing } from './missing.ts';
import { recertifySuite } from './recertify-suite.ts';
import { welcomeSuite } from './welcome-suite.ts';

const folder = resolve('examples/micropython');

describe.skipIf(missing('micropython', 'openssl'))('the MicroPython client', () => {
  const program = () => ({ command: 'micropython', args: ['-X', 'heapsize=128k', `${folder}/renew.py`] });

  recertifySuite({ name: 'p', mode: 'recertify', program });

  describe('on a bad line', () => lossySuite({ name: 'p', mode: 'recertify', program }));

  describe('welcomed or not', () => welcomeSuite({ name: 'p', mode: 'recertify', program, hurried: program }));

  it('reads the CBOR of every vector, and refuses each that is cut short, and worse', () => {
    const check = spawnSync('micropython', [`${folder}/check.py`], { input: cborLines, encoding: 'utf8' });
    expect({ status: check.status, stderr: check.stderr }).toEqual({ status: 0, stderr: '' });
    expect(cborAnswers(check.stdout)).toEqual(cborExpected);
  });
});
