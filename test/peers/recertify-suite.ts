// What every reference device in key mode `recertify` must show against a gateway in its own process: a whole renewal within its
// budget, one cut off at every step, one refused, one too large. A device's own test adds what is its own.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DeviceProgram, exits, inTurns, type Program, type Run } from './device-program.ts';
import { type GatewayProcess, startProcess } from './gateway-process.ts';

const classes = `classes:
  default: { keyModes: [recertify], retryFirst: 1s }
  brief: { overlap: 3s }
`;

export interface Bench {
  readonly gateway: GatewayProcess;
  /** A device that was seen once and whose renewal is due. */
  due(id: string, input?: Parameters<typeof DeviceProgram.make>[2]): Promise<DeviceProgram>;
}

export interface Reference {
  /** Begins the ids of its devices. */
  readonly name: string;
  /** What it is run as; asked for once `prepare` is done. */
  program(): Program;
  /** Builds it, if it must be built. */
  prepare?(bench: Bench): void;
}

/** The renewal is complete, and what it issued lies in one of the device's slots. */
export async function expectRenewed(device: DeviceProgram): Promise<void> {
  const { state, newFingerprint } = await device.renewal();
  expect(state).toBe('activated');
  const { pem } = await device.operations.showCertificate({ id: String(newFingerprint) });
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
  const slots = [0, 1].map((slot) => readFileSync(join(device.folder, `slot${slot}.der`)));
  expect(slots.some((slot) => slot.subarray(0, der.length).equals(der))).toBe(true);
}

function withBrokenSignature(file: string): Buffer {
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  return bytes;
}

function selfSigned(device: DeviceProgram): Buffer {
  const key = ['-key', join(device.folder, 'key.der'), '-keyform', 'DER'];
  const made = spawnSync('openssl', ['req', '-x509', ...key, '-subj', `/CN=${device.id}`, '-outform', 'DER']);
  if (made.status !== 0) throw new Error(made.stderr.toString());
  return made.stdout;
}

/** The numbers a program prints at its end. */
export function costsOf({ said }: Run) {
  const number = (pattern: RegExp): number => Number(pattern.exec(said)?.[1]);
  return {
    steps: number(/steps (\d+)/),
    publishes: number(/publishes (\d+)/),
    up: number(/payload up (\d+)/),
    down: number(/down (\d+) bytes/),
    largest: number(/largest packet in (\d+)/),
  };
}

/** Registers the tests, within a describe of the caller's. @returns what its own tests may use. */
export function recertifySuite({ name, program, prepare }: Reference): Bench {
  let gateway: GatewayProcess;
  let costs: ReturnType<typeof costsOf>;
  /** The step that makes sure of the replacement. */
  let storedAt = Number.POSITIVE_INFINITY;

  const bench: Bench = {
    get gateway() {
      return gateway;
    },
    due: async (id, input) => {
      const device = await DeviceProgram.make(gateway, id, input);
      // CONNECT, CONNACK, hello, PUBACK: enough to have been seen.
      const seen = await device.run(program(), { 'die-after': 4 });
      expect(seen.code, seen.said).toBe(exits.cutOff);
      await device.due();
      return device;
    },
  };

  beforeAll(async () => {
    gateway = await startProcess(classes);
    prepare?.(bench);
  });
  afterAll(() => gateway?.remove());

  it('renews with four publishes and at most 1,500 bytes of payload, and no packet above 256 bytes', async () => {
    const device = await bench.due(`${name}-000001`);
    const run = await device.run(program());
    expect(run.code, run.said).toBe(exits.renewed);
    costs = costsOf(run);
    console.log(`${name}: ${JSON.stringify(costs)}`);
    expect(costs.publishes).toBe(4);
    expect(costs.up + costs.down).toBeLessThanOrEqual(1_500);
    expect(costs.largest).toBeLessThanOrEqual(256);
    await gateway.log.until('renewal.confirmed', { 'nolapse.principal': device.id });
    await expectRenewed(device);
  });

  it('completes after being cut off at any message and any write', async () => {
    expect(costs.steps).toBeGreaterThan(20);
    const numbers = Array.from({ length: costs.steps }, (_, at) => at + 1);
    await inTurns(numbers, 3, async (step) => {
      const device = await bench.due(`${name}-cut-${step}`);
      const cut = await device.run(program(), { 'die-after': step });
      expect(cut.code, `${step}: ${cut.said}`).toBe(exits.cutOff);
      if (cut.said.includes('stored and checked')) storedAt = Math.min(storedAt, step);
      const after = await device.run(program(), { wait: 2 });
      // Cut off after the last write, there is nothing left to do.
      expect([exits.renewed, exits.nothingOwed], `${step}: ${cut.said}${after.said}`).toContain(after.code);
      await expectRenewed(device);
    });
  });

  it('goes on at the offset it had stored, in stretches of its own choice', async () => {
    const device = await bench.due(`${name}-resumed`);
    let held = 0;
    // Each run is cut off after some of the parts: several of them fetch the whole.
    for (let run = 0; run < 20; run += 1) {
      const { code, said } = await device.run(program(), { stretch: 90, 'die-after': Math.ceil(costs.steps / 2) });
      expect(code, said).toBe(exits.cutOff);
      const before = Number(/bytes, (\d+) of them here/.exec(said)?.[1] ?? held);
      expect(before).toBeGreaterThanOrEqual(held);
      held = before;
      if (said.includes('stored and checked') || said.includes('activated')) break;
    }
    expect(held).toBeGreaterThan(300);
    const { code, said } = await device.run(program());
    expect(code, said).toBe(exits.renewed);
    await expectRenewed(device);
  });

  it('refuses a packet larger than its buffer and says so, and nothing is lost', async () => {
    const device = await bench.due(`${name}-budget`);
    const lied = await device.run(program(), { announce: 512 });
    expect(lied.code, lied.said).toBe(exits.tooLarge);
    expect(lied.said).toMatch(/a packet of \d{3} bytes was sent to us: we take 256/);
    expect((await device.run(program())).code).toBe(exits.renewed);
    await expectRenewed(device);
  });

  // What follows mostly waits for the gateway's next turn: at the same time.
  // Both certificates are over the right key, and put into the slot after the replacement there was checked.
  it.concurrent.each([
    ['that the ledger does not hold', 'unknown'],
    ['with a broken signature, at which some of TLS hangs up', 'broken'],
  ] as const)('goes back to the old certificate when it finds one %s in its slot', async (_, kind) => {
    const device = await bench.due(`${name}-${kind}`);
    expect((await device.run(program(), { 'die-after': storedAt })).code).toBe(exits.cutOff);
    const slot = join(device.folder, 'slot1.der');
    writeFileSync(slot, kind === 'broken' ? withBrokenSignature(slot) : selfSigned(device));
    const { code, said } = await device.run(program());
    expect(code, said).toBe(exits.failed);
    expect(await device.renewal()).toMatchObject({ state: 'failed', lastCode: 'refused' });
    if (kind === 'unknown') {
      expect(gateway.log.count('admission.refused', { 'nolapse.client_id': device.id })).toBe(3);
    }
    const last = await device.run(program(), { wait: 20 });
    expect(last.code, last.said).toBe(exits.renewed);
    await expectRenewed(device);
  });

  it.concurrent('is refused with the old certificate once overlap has ended', async () => {
    const device = await bench.due(`${name}-old`, { class: 'brief' });
    const old = join(device.folder, 'old.der');
    copyFileSync(join(device.folder, 'slot0.der'), old);
    expect((await device.run(program())).code).toBe(exits.renewed);
    await gateway.log.until('renewal.retired', { 'nolapse.principal': device.id });
    expect((await device.run(program(), { wait: 1 })).code).toBe(exits.nothingOwed);
    copyFileSync(old, join(device.folder, 'slot0.der'));
    for (const state of ['state', 'state.json']) {
      if (existsSync(join(device.folder, state))) rmSync(join(device.folder, state));
    }
    const { code, said } = await device.run(program(), { wait: 1 });
    expect(code, said).toBe(exits.failed);
    expect(gateway.log.count('admission.refused', { 'nolapse.client_id': device.id, 'event.reason': 'retired' })).toBe(
      1,
    );
  });

  return bench;
}
