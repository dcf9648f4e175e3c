// Two hundred devices that live through the rollovers of a station, each kind with what hinders it, and what each of them has seen.
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import type { IssuedView } from '../../../src/app/views/devices.ts';
import { memoryCredentials } from '../../../src/simulator/credentials.ts';
import { Device, type DeviceOptions } from '../../../src/simulator/device.ts';
import { pause } from '../../../src/simulator/pause.ts';
import { memoryRoots, type RootsOptions } from '../../../src/simulator/roots.ts';
import { idOf } from '../../domain/samples.ts';
import type { Run } from '../device-program.ts';
import type { TrustDevice } from '../trust-devices/bench.ts';
import { CBoard } from '../trust-devices/c-board.ts';
import { MicroPythonBoard } from '../trust-devices/micropython-board.ts';
import { ShellBoard } from '../trust-devices/shell-board.ts';
import type { Station } from './station.ts';

/** How many there are of each kind, and what it does. */
export const kinds = {
  /** Always there. */
  plain: 104,
  /** With packets of 128 bytes, in CBOR. */
  tiny: 20,
  /** Its TLS stack takes one root at a time. */
  slot: 20,
  /** Asleep while a root is distributed, and back before it is activated. */
  napper: 16,
  /** Asleep until a root has been activated, so that it has slept through all that was announced. */
  sleeper: 12,
  /** Behind a firewall that lets the first port through alone. */
  walled: 8,
  /** Does not know the word `trust`. */
  mute: 8,
  /** Came once and never again. */
  gone: 4,
} as const;
export type Kind = keyof typeof kinds;

/** Programs of examples/ among them: the first of each kind has one root at a time for its TLS, where it can have two. */
export const programs = { c: 3, micropython: 3, sh: 2 } as const;

/** Between the runs of a program. */
const programPauseMs = 3_000;

/** Where a firewall stands: only the first port of this address leads to the broker. */
const walledHost = '127.0.0.2';

export interface Refusal {
  readonly id: string;
  readonly code: number | null;
  readonly detail: string;
}

interface Member {
  readonly kind: Kind;
  readonly device: Device;
  readonly roots: RootsOptions | null;
  /** What it went through last, for whoever looks into a failure. */
  readonly past: string[];
}

const pastMax = 40;

export class Crowd {
  readonly #station: Station;
  readonly #members = new Map<string, Member>();
  readonly #wall: Server;
  /** CONNECTs that were refused. */
  readonly refusals: Refusal[] = [];

  readonly #boards = new Map<string, TrustDevice>();
  readonly #ending = new AbortController();
  readonly #running: Promise<void>[] = [];

  private constructor(station: Station, wall: Server) {
    this.#station = station;
    this.#wall = wall;
  }

  /** @param firmware the C client, built for both roots at once and for one. */
  static async enroll(station: Station, firmware: { readonly two: string; readonly one: string }): Promise<Crowd> {
    const { mqtt } = station.ports;
    const wall = createServer((from) => {
      const to = connect({ host: '127.0.0.1', port: mqtt });
      for (const [one, other] of [[from, to] as const, [to, from] as const]) {
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
    });
    wall.listen(mqtt, walledHost);
    await once(wall, 'listening');
    const crowd = new Crowd(station, wall);
    const operations = await station.operations();
    for (const kind of Object.keys(kinds) as Kind[]) {
      for (let at = 1; at <= kinds[kind]; at += 1) {
        const id = `${kind}-${String(at).padStart(3, '0')}`;
        const site = at % 2 === 0 ? 'north' : 'south';
        await operations.addDevice({ id, owner: kind, site, slots: 2 });
        crowd.#add(id, kind, await operations.issueDevice({ id }));
      }
    }
    await crowd.#makeBoards(firmware);
    return crowd;
  }

  async #makeBoards(firmware: { readonly two: string; readonly one: string }): Promise<void> {
    const { folder, ports } = this.#station;
    const operations = await this.#station.operations();
    const place = { house: { home: folder, gateway: { operations, ports } } };
    const keep = (board: TrustDevice): void => void this.#boards.set(board.id, board);
    for (let at = 1; at <= programs.c; at += 1) {
      keep(await CBoard.make(place, `c-${at}`, 'default', at === 1 ? firmware.one : firmware.two));
    }
    for (let at = 1; at <= programs.micropython; at += 1) {
      const words = ['--together', at === 1 ? '1' : '2'];
      keep(await MicroPythonBoard.make(place, `micropython-${at}`, 'default', words));
    }
    for (let at = 1; at <= programs.sh; at += 1) keep(await ShellBoard.make(place, `sh-${at}`, 'default'));
  }

  /** Its program runs again and again, as on a board that sleeps in between. */
  async #live(board: TrustDevice): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      if (board instanceof ShellBoard) this.#keepRun(board, await board.renew());
      this.#keepRun(board, await board.run());
      await pause(programPauseMs, signal);
    }
  }

  #keepRun({ id }: TrustDevice, { code, said }: Run): void {
    const past = this.#runs.get(id) ?? [];
    this.#runs.set(id, [...past, `${new Date().toISOString()} ${code} ${said.slice(-300)}`].slice(-pastMax));
  }

  readonly #runs = new Map<string, readonly string[]>();

  #add(id: string, kind: Kind, issued: IssuedView): void {
    const { mqtt: port } = this.#station.ports;
    const isMute = kind === 'mute';
    const roots = isMute ? null : { store: memoryRoots(issued.rootPem, port), ...(kind === 'slot' && { together: 1 }) };
    const options: Partial<DeviceOptions> =
      kind === 'tiny' ? { encoding: 'cbor', maxPacket: 128 } : { encoding: id.endsWith('5') ? 'cbor' : 'json' };
    const device = new Device({
      id: idOf(id),
      target: { host: kind === 'walled' ? walledHost : 'localhost', port, ca: issued.rootPem },
      store: memoryCredentials({ ...issued, renewal: null, retires: null }),
      roots,
      telemetryMs: 5_000,
      retryFirstMs: 250,
      retryMaxMs: 2_000,
      ...options,
    });
    const past: string[] = [];
    device.listen((event) => {
      past.push(`${new Date().toISOString()} ${JSON.stringify(event).slice(0, 160)}`);
      past.splice(0, Math.max(0, past.length - pastMax));
      if (event.type === 'refused') this.refusals.push({ id, code: event.code, detail: event.detail });
    });
    this.#members.set(id, { kind, device, roots, past });
  }

  ids(...of: readonly Kind[]): string[] {
    return [...this.#members].flatMap(([id, { kind }]) => (of.includes(kind) ? [id] : [])).sort();
  }

  past(id: string): readonly string[] {
    return this.#members.get(id)?.past ?? this.#runs.get(id) ?? [];
  }

  #of(kind: Kind): Device[] {
    return [...this.#members.values()].flatMap((member) => (member.kind === kind ? [member.device] : []));
  }

  /** Some at a time, as a fleet comes. Resolves once all have been there. */
  async start(): Promise<void> {
    const coming = [...this.#members.values()].map(async ({ device }, at) => {
      await new Promise((resolve) => setTimeout(resolve, at * 20));
      const came = device.once('connected');
      device.start();
      await came;
    });
    await Promise.all(coming);
    for (const device of this.#of('gone')) device.sleepUntil(Number.MAX_SAFE_INTEGER);
    for (const board of this.#boards.values()) this.#running.push(this.#live(board));
  }

  sleep(kind: Kind): void {
    for (const device of this.#of(kind)) device.sleepUntil(Number.MAX_SAFE_INTEGER);
  }

  wake(kind: Kind): void {
    for (const device of this.#of(kind)) device.sleepUntil(0);
  }

  /** Those that are connected now. */
  connected(): string[] {
    return [...this.#members].flatMap(([id, { device }]) => (device.connected ? [id] : [])).sort();
  }

  /** SHA-256 of the roots that each device of these kinds holds, oldest first; of one that takes no steps, the one it was made with. */
  async held(...of: readonly Kind[]): Promise<Map<string, readonly string[]>> {
    const found = new Map<string, readonly string[]>();
    for (const id of this.ids(...of)) {
      const roots = this.#members.get(id)?.roots;
      if (!roots) continue;
      const { trust } = await roots.store.read();
      found.set(
        id,
        trust.roots.filter(({ leaving }) => !leaving).map(({ fingerprint }) => fingerprint),
      );
    }
    return found;
  }

  /** The same of the programs. */
  heldByBoards(): Map<string, readonly string[]> {
    return new Map([...this.#boards].map(([id, board]) => [id, board.held().filter((root) => !root.endsWith('-'))]));
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#running);
    await Promise.all([...this.#members.values()].map(({ device }) => device.stop()));
    this.#wall.close();
  }
}
