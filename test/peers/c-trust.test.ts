// The C client of examples/c takes the steps of roots, under the address and undefined behaviour sanitizers: with both roots for its TLS
// at once, and built for a stack that is given one.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readServerCertificate } from '../../src/authority/server-certificate.ts';
import { dayMs } from '../../src/domain/time.ts';
import { fingerprintOf } from '../../src/pki/fingerprint.ts';
import { cAbsent, makeC, sanitizers } from './c-build.ts';
import { exits, type Run, runProgram } from './device-program.ts';
import { eachOnABench, type TrustBench, type TrustDevice } from './trust-devices/bench.ts';
import { trustSuite } from './trust-devices/suite.ts';

interface Kept {
  readonly copy: number;
  readonly held: readonly string[];
  readonly committed: { readonly port: number; readonly root: string };
}

/** A copy of the record as examples/c/store.c writes it; null where it is torn. */
function readRecord(bytes: Buffer): Kept | null {
  const [rootsAt, rootBytes, rootsMax] = [32, 50, 2];
  const crcAt = rootsAt + rootsMax * rootBytes;
  if (bytes.length !== crcAt + 4 || bytes.readUInt32LE(crcAt) !== crc32(bytes.subarray(0, crcAt))) return null;
  const roots = Array.from({ length: bytes.readUInt8(8) }, (_, at) => {
    const root = bytes.subarray(rootsAt + at * rootBytes, rootsAt + (at + 1) * rootBytes);
    return { sha256: root.subarray(18).toString('hex'), leaving: root.readUInt8(1) === 1 };
  });
  return {
    copy: bytes.readUInt32LE(4),
    held: roots.map(({ sha256, leaving }) => `${sha256}${leaving ? '-' : ''}`),
    committed: { port: bytes.readUInt16LE(14), root: roots[bytes.readUInt8(9)]?.sha256 ?? '' },
  };
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

class Board implements TrustDevice {
  readonly id: string;
  readonly folder: string;
  readonly #program: string;
  readonly #port: number;

  private constructor(id: string, folder: string, port: number, program: string) {
    this.id = id;
    this.folder = folder;
    this.#port = port;
    this.#program = program;
  }

  static async make({ house }: TrustBench, id: string, className: string, program: string): Promise<Board> {
    const { operations } = house.gateway;
    await operations.addDevice({ id, owner: 'tests', class: className, modes: ['recertify'], encoding: 'cbor' });
    const issued = await operations.issueDevice({ id });
    const folder = join(house.home, 'devices', id);
    mkdirSync(folder, { recursive: true });
    const files = {
      'key.der': createPrivateKey(issued.keyPem).export({ type: 'sec1', format: 'der' }),
      'ca.der': new X509Certificate(issued.rootPem).raw,
      'slot0.der': new X509Certificate(issued.certificatePem).raw,
    };
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes, { mode: 0o600 });
    return new Board(id, folder, house.gateway.ports.mqtt, program);
  }

  run(...more: readonly string[]): Promise<Run> {
    return this.runAt(this.#port, ...more);
  }

  /** As a device that was made for another port. */
  runAt(port: number, ...more: readonly string[]): Promise<Run> {
    const where = ['localhost', String(port), this.id, this.folder];
    return runProgram(this.#program, [...where, '--pause', '100', '--tries', '3', ...more]);
  }

  /** Null where the run ended by itself. */
  async cut(...words: readonly string[]): Promise<Run | null> {
    const run = await this.run(...words);
    return run.code === exits.cutOff ? run : null;
  }

  /** The newest copy that is whole; before there is one, what it left the factory with. */
  #kept(): Kept {
    const files = ['trust0', 'trust1'].map((name) => join(this.folder, name)).filter((file) => existsSync(file));
    const first = fingerprintOf(readFileSync(join(this.folder, 'ca.der')));
    const made: Kept = { copy: 0, held: [first], committed: { port: this.#port, root: first } };
    const kept = files.flatMap((file) => readRecord(readFileSync(file)) ?? []);
    return kept.reduce((one, other) => (one.copy > other.copy ? one : other), made);
  }

  held(): readonly string[] {
    return this.#kept().held;
  }

  committed(): Kept['committed'] {
    return this.#kept().committed;
  }
}

const cuts = {
  'after any message and any write': (device: Board, at: number) => device.cut('--die-after', String(at)),
  'in the middle of any write': (device: Board, at: number) => device.cut('--tear', String(at)),
  'when a write had only emptied its place': (device: Board, at: number) =>
    device.cut('--tear', String(at), '--percent', '0'),
};

let built: string;
beforeAll(() => {
  if (cAbsent) return;
  built = mkdtempSync(join(tmpdir(), 'nolapse-c-trust-'));
  makeC(`${built}/two`, ['all'], sanitizers());
  makeC(`${built}/one`, ['all'], sanitizers('-DROOTS_TOGETHER=1'));
});
afterAll(() => {
  if (!cAbsent) rmSync(built, { recursive: true });
});

describe.skipIf(cAbsent)('the C client', () => {
  describe.each([
    ['with both roots for its TLS', 'two'],
    ['with one root for its TLS', 'one'],
  ] as const)('%s', (_, kind) => {
    trustSuite<Board>({
      name: `c-${kind}`,
      make: (bench, id, className = 'default') => Board.make(bench, id, className, join(built, kind, 'renew')),
      cuts,
    });
  });
});

describe.skipIf(cAbsent)('the C client and the steps of roots', () => {
  const benchNow = eachOnABench();
  const make = (id: string, kind = 'two') => Board.make(benchNow(), id, 'default', join(built, kind, 'renew'));

  /** Runs until it has connected under this root. @returns the last run. */
  async function provedUnder(device: Board, root: number): Promise<Run> {
    let run = await device.run();
    for (let more = 0; more < 4 && device.committed().root !== benchNow().root(root); more += 1) {
      benchNow().pass(dayMs / 12);
      run = await device.run();
    }
    expect(device.committed(), run.said).toEqual({ port: benchNow().port(root), root: benchNow().root(root) });
    return run;
  }

  it('takes one within packets of 128 bytes, with an id of 64 characters', async () => {
    makeC(`${built}/small`, ['all'], 'CFLAGS=-O2 -DPACKET_MAX=128');
    const device = await make('c'.repeat(64), 'small');
    await benchNow().rollover.open(2);
    await benchNow().rollover.release('successor', 1);
    const { said } = await provedUnder(device, 2);
    expect(Number(/largest packet in (\d+)/.exec(said)?.[1])).toBeLessThanOrEqual(128);
  });

  it('renews its certificate and takes a step in one run', async () => {
    const bench = benchNow();
    const device = await make('c-both');
    await device.run();
    await bench.house.gateway.operations.runRenewal({ device: device.id });
    await bench.rollover.open(2);
    await bench.rollover.release('successor', 1);
    const run = await device.run();
    expect(run.code, run.said).toBe(exits.renewed);
    expect(device.held(), run.said).toEqual([bench.root(1), bench.root(2)]);
    expect(device.committed().root).toBe(bench.root(2));
    await bench.house.log.until('renewal.confirmed', { 'nolapse.principal': device.id });
    console.log(`a renewal and a step: ${run.said.split('\n').slice(-3).join('; ')}`);
  });

  it.each([
    ['refuses the certificate', Buffer.from([0x20, 2, 0, 5])],
    ['ends the connection', Buffer.alloc(0)],
  ])('commits nothing where the announced port is trusted, and then %s', async (_, connack) => {
    const bench = benchNow();
    const device = await make('c-no-connack');
    const open = await bench.rollover.open(2);
    open.close();
    const server = readServerCertificate(bench.rollover.root(2).folder, null);
    const stranger = createServer({
      key: server?.keyPem,
      cert: server?.certificatePem,
      requestCert: true,
      rejectUnauthorized: false,
    });
    const connects: string[] = [];
    stranger.on('secureConnection', (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        connects.push(socket.getPeerX509Certificate()?.subject ?? '');
        socket.end(connack);
      });
    });
    stranger.on('tlsClientError', () => undefined);
    stranger.listen(bench.port(2), '127.0.0.1');
    await once(stranger, 'listening');
    try {
      await bench.rollover.release('successor', 1);
      const { said } = await device.run();
      expect(connects, said).toEqual([`CN=${device.id}`]);
      await bench.house.log.until('trust.failed', { 'event.reason': 'port_unreachable' });
      expect(device.held()).toEqual([bench.root(1), bench.root(2)]);
      expect(device.committed()).toEqual({ port: bench.port(1), root: bench.root(1) });
    } finally {
      stranger.close();
    }
    await bench.rollover.reopen(2);
    await provedUnder(device, 2);
  });

  it('comes through two rollovers that it slept through when it is cut off anywhere in them', {
    timeout: 400_000,
  }, async () => {
    const bench = benchNow();
    for (const number of [2, 3]) await bench.rollover.open(number);
    await bench.rollover.release('successor', 1);
    await bench.rollover.release('drop', 2);
    await bench.rollover.release('successor', 2);
    const moments = 4;
    let isOver = false;
    let cutOff = 0;
    const cutAt = async (at: number): Promise<void> => {
      const device = await make(`c-asleep-${at}`, at % 2 === 0 ? 'one' : 'two');
      const cut = await device.cut('--tear', String(at));
      isOver ||= cut === null;
      if (!cut) return;
      cutOff += 1;
      const last = await provedUnder(device, 3);
      expect(device.held(), `${cut.said}${last.said}`).toEqual([bench.root(2), bench.root(3)]);
    };
    for (let at = 1; !isOver; at += moments) {
      await Promise.all(Array.from({ length: moments }, (_, more) => cutAt(at + more)));
    }
    expect(cutOff).toBeGreaterThan(60);
    expect(bench.house.log.count('trust.failed')).toBe(0);
    expect(bench.house.log.count('admission.refused')).toBe(0);
  });

  it('finds its roots in their steps when both copies of its record are lost', async () => {
    const bench = benchNow();
    const device = await make('c-lost');
    for (const next of [2, 3]) {
      await bench.rollover.open(next);
      await bench.rollover.release('successor', next - 1);
      await provedUnder(device, next);
      await bench.rollover.release('drop', next);
      await device.run();
      await device.run();
      expect(device.held()).toEqual([bench.root(next)]);
    }
    for (const name of ['trust0', 'trust1']) rmSync(join(device.folder, name));
    // The port that the device was made for shows the second root by then.
    const { said } = await device.runAt(bench.port(2));
    expect(said).toContain('found again in the steps');
    // It came under an older root than before, and was told everything anew.
    await bench.house.log.until('trust.reopened', { 'nolapse.principal': device.id });
    await provedUnder(device, 3);
    expect(device.held().at(-1)).toBe(bench.root(3));
  });

  it('does not find a root again that withdrew itself', async () => {
    const bench = benchNow();
    const device = await make('c-withdrawn');
    await bench.rollover.open(2);
    await bench.rollover.release('successor', 1);
    await provedUnder(device, 2);
    await bench.rollover.release('withdraw', 2);
    const { said } = await device.run();
    expect(device.held(), said).toEqual([bench.root(1)]);
    for (const name of ['trust0', 'trust1']) rmSync(join(device.folder, name));
    await device.run();
    expect(device.held()).toEqual([bench.root(1)]);
  });

  it.each(['trust0', 'trust1'])('goes on with the other copy of its record when %s is damaged', async (name) => {
    const bench = benchNow();
    const device = await make(`c-damaged-${name}`);
    await bench.rollover.open(2);
    await bench.rollover.release('successor', 1);
    await provedUnder(device, 2);
    const file = join(device.folder, name);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(bytes.readUInt8(40) ^ 1, 40, 41));
    const { code, said } = await device.run();
    expect(code, said).toBe(exits.nothingOwed);
    expect(device.held()).toEqual([bench.root(1), bench.root(2)]);
    await provedUnder(device, 2);
  });

  it('does without a root that is damaged in its place', async () => {
    const bench = benchNow();
    const device = await make('c-flash');
    await bench.rollover.open(2);
    const renewal = await bench.rollover.release('successor', 1);
    await provedUnder(device, 2);
    const places = ['root0', 'root1', 'root2']
      .map((name) => join(device.folder, name))
      .filter((file) => existsSync(file));
    for (const file of places) {
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.fill(bytes.readUInt8(200) ^ 1, 200, 201));
    }
    const { said } = await device.run();
    expect(said).toContain('a root is damaged');
    // It came under an older root than before, and is told again.
    await bench.house.log.until('trust.reopened', { 'nolapse.principal': device.id });
    await provedUnder(device, 2);
    expect(device.held(), renewal).toEqual([bench.root(1), bench.root(2)]);
  });
});
