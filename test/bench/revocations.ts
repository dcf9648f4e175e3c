// What it costs to sign the complete revocation list of a million devices, and how long everybody else waits for it meanwhile.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { pageEntries } from '../../src/app/upkeep/sign-list.ts';
import { spkiOf } from '../../src/authority/key-pair.ts';
import { nameOf } from '../../src/pki/certificate.ts';
import { signCrl } from '../../src/pki/crl.ts';
import { keyIdentifier } from '../../src/pki/public-key.ts';
import { newSerial } from '../../src/pki/serial.ts';
import { signerFor } from '../../src/pki/signature.ts';
import { type Figure, median } from './figure.ts';

const entries = 840_000;
const rounds = 5;
const goalMs = 50;

const entropy = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };

async function* pages(now: number) {
  for (let from = 0; from < entries; from += pageEntries) {
    await turn();
    yield Array.from({ length: pageEntries }, () => ({
      serial: newSerial(entropy),
      revokedAt: now,
      reason: 'superseded' as const,
    }));
  }
}

export async function longList(): Promise<Figure> {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const issuer = { name: nameOf('issuing'), keyId: keyIdentifier(spkiOf(key)), signer: signerFor(key) };
  const now = Date.now();
  const times: number[] = [];
  const held: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const delays = monitorEventLoopDelay({ resolution: 1 });
    delays.enable();
    const began = performance.now();
    const head = { number: round, thisUpdate: now, nextUpdate: now + 86_400_000, distributionPoint: null };
    await signCrl({ ...head, revoked: pages(now) }, issuer);
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 20));
    delays.disable();
    held.push(delays.max / 1e6);
  }
  const waitMs = median(held);
  return {
    name: `a revocation list of ${entries.toLocaleString('en')} entries`,
    measured: `signed in ${(median(times) / 1_000).toFixed(1)} s, others wait ${waitMs.toFixed(0)} ms at most`,
    goal: `others wait at most ${goalMs} ms`,
    met: waitMs <= goalMs,
  };
}
