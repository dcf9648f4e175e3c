// A device whose firmware is the C client of examples/c, which takes the steps of roots.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOf } from '../../../src/pki/fingerprint.ts';
import { exits, fillWithDer, type Run, runProgram } from '../device-program.ts';
import type { Birthplace, TrustDevice } from './bench.ts';

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

export class CBoard implements TrustDevice {
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

  static async make({ house }: Birthplace, id: string, className: string, program: string): Promise<CBoard> {
    const { operations } = house.gateway;
    await operations.addDevice({ id, owner: 'tests', class: className, modes: ['recertify'], encoding: 'cbor' });
    const issued = await operations.issueDevice({ id });
    const folder = join(house.home, 'devices', id);
    fillWithDer(folder, issued);
    return new CBoard(id, folder, house.gateway.ports.mqtt, program);
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
