// A broker whose roots follow each other, for devices that are programs of their own, and what a test asks of such a device.
import { afterEach, beforeEach } from 'vitest';
import { putStep } from '../../../src/app/enrollment/release-step.ts';
import type { Operations } from '../../../src/app/operator/operate.ts';
import { dayMs } from '../../../src/domain/time.ts';
import { idOf } from '../../domain/samples.ts';
import { type House, openHouse } from '../../scenarios/harness.ts';
import { Rollover } from '../../scenarios/rollover.ts';
import type { Run } from '../device-program.ts';

/** Where devices are made: a broker, and a folder for theirs. */
export interface Birthplace {
  readonly house: {
    readonly home: string;
    readonly gateway: { readonly operations: Operations; readonly ports: { readonly mqtt: number } };
  };
}

/** A device of examples/, with a folder of its own. */
export interface TrustDevice {
  readonly id: string;
  /** Starts the program once; resolves when it has ended. */
  run(): Promise<Run>;
  /** SHA-256 of the roots that it keeps, oldest first; a minus follows one that it gave up. */
  held(): readonly string[];
  /** The port and the root of its last connection that ended in CONNACK 0. */
  committed(): { readonly port: number; readonly root: string };
}

const yaml = `
classes:
  default: { keyModes: [recertify, csr], lifetime: 100d, renewAt: 90%, spread: 0%, overlap: 10m, grace: 30d }
  brief: { keyModes: [recertify, csr], lifetime: 1h, renewAt: 90%, overlap: 10m, grace: 1h }
`;

export class TrustBench {
  readonly house: House;
  readonly rollover: Rollover;
  readonly #clock: { aheadMs: number };

  private constructor(house: House, clock: { aheadMs: number }) {
    this.house = house;
    this.rollover = new Rollover(house);
    this.#clock = clock;
  }

  static async open(): Promise<TrustBench> {
    const clock = { aheadMs: 0 };
    return new TrustBench(await openHouse({ yaml, clock: { now: () => Date.now() + clock.aheadMs } }), clock);
  }

  async close(): Promise<void> {
    await this.house.close();
    this.rollover.close();
  }

  /** Turns the broker's clock. */
  pass(ms: number): void {
    this.#clock.aheadMs += ms;
  }

  root(number: number): string {
    return this.rollover.fingerprint(number);
  }

  port(number: number): number {
    return this.rollover.root(number).port;
  }

  record(device: TrustDevice) {
    return this.house.store.read.trustRecord(idOf(device.id));
  }

  /** Has the broker forget all steps, so that none of them stands before one that a test announces. */
  forget(): Promise<number> {
    return this.house.store.transact((tx) => tx.forgetTrustSteps(Date.now() + 2 * 365 * dayMs));
  }

  /**
   * Announces these bytes under this sequence, whatever they are. The broker takes them for what this root says of itself: the one under
   * which the device connected last, by its knowledge.
   */
  async announce(bytes: Uint8Array, sequence: number, root: number): Promise<string> {
    const now = Date.now();
    const dates = { madeAt: now, announcedFrom: now - 1, keptUntil: now + 365 * dayMs };
    const said = { kind: 'drop', signer: root, named: root } as const;
    const step = { ...said, sequence, size: bytes.length, port: this.port(root), ...dates };
    await this.house.store.transact((tx) => putStep({ tx, now }, step, bytes));
    return `t${sequence}`;
  }
}

/** A bench of its own for each test. */
export function eachOnABench(): () => TrustBench {
  let bench: TrustBench;
  beforeEach(async () => {
    bench = await TrustBench.open();
  });
  afterEach(() => bench.close());
  return () => bench;
}
