// What every reference device must show against a broker in its own process: a whole renewal within its budget, one cut off at every
// step and in the middle of every write, one whose state record is damaged, one too large. A device's own test adds what is its own.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inTurns } from '../scenarios/in-turns.ts';
import { DeviceProgram, exits, type Program, type Run } from './device-program.ts';
import { type GatewayProcess, startProcess } from './nolapse-process.ts';

export interface Bench {
  readonly gateway: GatewayProcess;
  /** A device that was seen once and whose renewal is due. */
  due(id: string, input?: Parameters<typeof DeviceProgram.make>[2]): Promise<DeviceProgram>;
}

export interface Reference {
  /** Begins the ids of its devices. */
  readonly name: string;
  readonly mode: 'recertify' | 'csr';
  /** What it is run as; asked for once `prepare` is done. */
  program(): Program;
  /** Builds it, if it must be built. */
  prepare?(bench: Bench): void;
}

/** A broker of its own, from before the first test to after the last. */
export function benchOf({ mode, program, prepare }: Reference): Bench {
  let gateway: GatewayProcess;
  const bench: Bench = {
    get gateway() {
      return gateway;
    },
    due: async (id, input) => {
      const device = await DeviceProgram.make(gateway, id, { modes: [mode], ...input });
      await device.beSeen();
      await device.due();
      return device;
    },
  };
  beforeAll(async () => {
    gateway = await startProcess(`classes:
  default: { keyModes: [${mode}], retryFirst: 1s }
  brief: { keyModes: [${mode}], overlap: 3s }
`);
    prepare?.(bench);
    expect(program().command).not.toBe('');
  });
  afterAll(() => gateway?.remove());
  return bench;
}

/** The renewal is complete, and what it issued lies in one of the device's slots. */
export async function expectRenewed(device: DeviceProgram, said = ''): Promise<void> {
  const renewals = await device.operations.listRenewals({ device: device.id });
  const [activated] = renewals
    .filter(({ state }) => state === 'activated')
    .toSorted((one, other) => other.createdAt - one.createdAt);
  expect(activated, `${device.id}: ${JSON.stringify(renewals)}\n${said}`).toBeDefined();
  const { pem } = await device.operations.showCertificate({ id: String(activated?.newFingerprint) });
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
  const slots = [0, 1].map((slot) => readFileSync(join(device.folder, `slot${slot}.der`)));
  expect(slots.some((slot) => slot.includes(der))).toBe(true);
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

/** Ways in which flash loses a record. */
const damages = {
  'both copies are gone': (files: readonly string[]) => {
    for (const file of files) rmSync(file);
  },
  'a bit of each is flipped': (files: readonly string[]) => {
    for (const file of files) writeFileSync(file, flipped(readFileSync(file)));
  },
  'each is cut short': (files: readonly string[]) => {
    for (const file of files) writeFileSync(file, readFileSync(file).subarray(0, 7));
  },
  'the newer one is garbled': (files: readonly string[]) => {
    const newest = files.toSorted((one, other) => sequenceOf(one) - sequenceOf(other)).at(-1);
    if (newest) writeFileSync(newest, Buffer.alloc(90, 0xff));
  },
} as const;

function flipped(bytes: Buffer): Buffer {
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 4, bytes.length >> 1);
  return bytes;
}

/** The sequence number of a copy: four bytes after the magic number in C, in JSON in MicroPython. */
export function sequenceOf(file: string): number {
  const bytes = readFileSync(file);
  return Number(/"sequence": (\d+)/.exec(bytes.toString())?.[1] ?? bytes.readUInt32LE(4));
}

/** Registers the tests, within a describe of the caller's. @returns what its own tests may use. */
export function recertifySuite(reference: Reference): Bench {
  const { name, mode, program } = reference;
  const bench = benchOf(reference);
  let costs: ReturnType<typeof costsOf>;
  /** Which of a run's steps are writes. */
  const writes: number[] = [];

  /** Runs it on until it has nothing to do: whatever was cut off or damaged, the device is never refused. */
  async function expectToComplete(device: DeviceProgram, before: string): Promise<void> {
    const after = await device.run(program(), { wait: 5, pause: 100 });
    expect([exits.renewed, exits.nothingOwed], `${device.id}: ${before}${after.said}`).toContain(after.code);
    await expectRenewed(device, `${before}${after.said}`);
    expect(bench.gateway.log.count('admission.refused', { 'nolapse.client_id': device.id })).toBe(0);
  }

  it('renews with few publishes and at most 1,500 bytes of payload, and no packet above 256 bytes', async () => {
    const device = await bench.due(`${name}-000001`);
    const run = await device.run(program());
    expect(run.code, run.said).toBe(exits.renewed);
    costs = costsOf(run);
    console.log(`${name}: ${JSON.stringify(costs)}`);
    expect(costs.publishes).toBe(mode === 'recertify' ? 4 : 6);
    expect(costs.up + costs.down).toBeLessThanOrEqual(1_500);
    expect(costs.largest).toBeLessThanOrEqual(256);
    await bench.gateway.log.until('renewal.confirmed', { 'nolapse.principal': device.id });
    await expectRenewed(device);
  });

  it.each([
    ['after any message and any write', { end: 'die-after' }],
    ['in the middle of any write', { end: 'tear', percent: 50 }],
    ['when a write had only emptied its place', { end: 'tear', percent: 0 }],
  ] as const)('completes when it is cut off %s', async (_, { end, ...more }) => {
    expect(costs.steps).toBeGreaterThan(20);
    const numbers = end === 'tear' ? writes : Array.from({ length: costs.steps }, (_unused, at) => at + 1);
    await inTurns(numbers, 4, async (step) => {
      const device = await bench.due(`${name}-${end}-${Object.values(more).join('-')}-${step}`);
      const cut = await device.run(program(), { [end]: step, ...more });
      expect(cut.code, `${step}: ${cut.said}`).toBe(exits.cutOff);
      if (end === 'tear') expect(cut.said).toContain(`step ${step}: tore`);
      else if (cut.said.includes(`step ${step}: wrote`)) writes.push(step);
      await expectToComplete(device, cut.said);
    });
    expect(writes.length).toBeGreaterThanOrEqual(10);
  });

  it.each(Object.entries(damages))('completes when %s, whatever it was doing', async (kind, damage) => {
    // Right after each write, and so in each phase.
    const numbers = writes;
    let damaged = 0;
    await inTurns(numbers, 4, async (step) => {
      const device = await bench.due(`${name}-${Object.keys(damages).indexOf(kind)}-${step}`);
      const cut = await device.run(program(), { 'die-after': step });
      expect(cut.code, `${step}: ${cut.said}`).toBe(exits.cutOff);
      const files = ['state0', 'state1'].map((file) => join(device.folder, file)).filter((file) => existsSync(file));
      if (files.length === 0) return;
      damaged += 1;
      damage(files);
      await expectToComplete(device, `${kind}: ${cut.said}`);
    });
    expect(damaged).toBeGreaterThanOrEqual(8);
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
    await expectToComplete(device, '');
  });

  it('refuses a packet larger than its buffer and says so, and nothing is lost', async () => {
    const device = await bench.due(`${name}-budget`);
    const lied = await device.run(program(), { announce: 512 });
    expect(lied.code, lied.said).toBe(exits.tooLarge);
    expect(lied.said).toMatch(/a packet of \d{3} bytes was sent to us: we take 256/);
    await expectToComplete(device, lied.said);
  });

  it('finds a replacement that was damaged in its slot, and fetches it again', async () => {
    const device = await bench.due(`${name}-damaged`);
    const cut = await device.run(program(), { 'die-after': costs.steps - 14 });
    expect(cut.said).toContain('stored and checked');
    const slot = join(device.folder, 'slot1.der');
    const bytes = readFileSync(slot);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    writeFileSync(slot, bytes);
    await expectToComplete(device, cut.said);
  });

  it('tries the newer of its certificates first without a record, and is not locked out by the old one', async () => {
    const device = await bench.due(`${name}-old`, { class: 'brief' });
    // Certificates of one second have the same notBefore.
    const second = Math.floor(Date.now() / 1_000);
    while (Math.floor(Date.now() / 1_000) === second) await new Promise((next) => setTimeout(next, 50));
    expect((await device.run(program())).code).toBe(exits.renewed);
    await bench.gateway.log.until('renewal.retired', { 'nolapse.principal': device.id });
    for (const file of readdirSync(device.folder).filter((entry) => entry.startsWith('state'))) {
      rmSync(join(device.folder, file));
    }
    const run = await device.run(program());
    expect(run.code, run.said).toBe(exits.nothingOwed);
    expect(bench.gateway.log.count('admission.refused', { 'nolapse.client_id': device.id })).toBe(0);
  });

  return bench;
}
