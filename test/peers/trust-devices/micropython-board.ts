// A device whose firmware is the MicroPython client, and the roots that it holds: its TLS is given several at once, or one at a time.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fingerprintOf } from '../../../src/pki/fingerprint.ts';
import { exits, fillWithDer, type Run, runProgram } from '../device-program.ts';
import type { Birthplace, TrustDevice } from './bench.ts';

interface Root {
  readonly sha256: string;
  readonly leaving: boolean;
}

interface Kept {
  readonly sequence: number;
  readonly roots: readonly Root[];
  readonly committed: readonly [number, string];
}

export class MicroPythonBoard implements TrustDevice {
  readonly #words: readonly string[];
  readonly #port: number;
  readonly id: string;
  readonly folder: string;

  private constructor(id: string, folder: string, port: number, words: readonly string[]) {
    this.id = id;
    this.folder = folder;
    this.#port = port;
    this.#words = words;
  }

  static async make(
    { house }: Birthplace,
    id: string,
    className: string,
    words: readonly string[],
  ): Promise<MicroPythonBoard> {
    const { operations } = house.gateway;
    await operations.addDevice({ id, owner: 'tests', class: className, modes: ['recertify'], encoding: 'cbor' });
    const issued = await operations.issueDevice({ id });
    const folder = join(house.home, 'devices', id);
    fillWithDer(folder, issued);
    return new MicroPythonBoard(id, folder, house.gateway.ports.mqtt, words);
  }

  run(...more: readonly string[]): Promise<Run> {
    return this.runAt(this.#port, ...more);
  }

  /** `port`: another way to the broker than the direct one. */
  runAt(port: number, ...more: readonly string[]): Promise<Run> {
    const program = ['-X', 'heapsize=128k', resolve('examples/micropython/renew.py')];
    const limits = ['--pause', '100', '--tries', '3', '--linger', '2000'];
    const where = ['localhost', String(port), this.id, this.folder];
    return runProgram('micropython', [...program, ...where, ...limits, ...this.#words, ...more]);
  }

  /** Null where the run ended by itself. */
  async cut(...words: readonly string[]): Promise<Run | null> {
    const run = await this.run(...words);
    return run.code === exits.cutOff ? run : null;
  }

  #kept(): Kept {
    const copies = ['roots0', 'roots1'].map((name) => join(this.folder, name)).filter((file) => existsSync(file));
    const kept = copies.flatMap((file) => {
      try {
        return [JSON.parse(readFileSync(file).subarray(4).toString()) as Kept];
      } catch {
        return []; // a torn copy
      }
    });
    const first = fingerprintOf(readFileSync(join(this.folder, 'ca.der')));
    const made = { sequence: 0, roots: [{ sha256: first, leaving: false }], committed: [this.#port, first] } as const;
    return kept.reduce((one, other) => (one.sequence > other.sequence ? one : other), made as Kept);
  }

  held(): string[] {
    return this.#kept().roots.map(({ sha256, leaving }) => `${sha256}${leaving ? '-' : ''}`);
  }

  committed() {
    const [port, root] = this.#kept().committed;
    return { port, root };
  }
}
