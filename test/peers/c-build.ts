// Builds the client of examples/c for tests.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { missing } from './missing.ts';

const sources = resolve('examples/c');

/** What is missing for building and running it, in words; false: nothing. */
export const cAbsent = missing('gcc', 'make', '/usr/include/mbedtls/ssl.h', 'openssl');

/** The variable of the Makefile that has memory and undefined behaviour watched. */
export function sanitizers(...flags: readonly string[]): string {
  return ['CFLAGS=-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all', ...flags].join(' ');
}

/** Builds targets of the Makefile. Fails with what the compiler said. */
export function makeC(out: string, targets: readonly string[], ...variables: string[]): string {
  const words = ['-C', sources, `OUT=${out}`, ...variables, ...targets];
  const { status, stdout, stderr } = spawnSync('make', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`make ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}
