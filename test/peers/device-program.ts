// A device whose firmware is a program of examples/: its folder as it leaves the factory, and runs of the program that end by
// themselves or are cut off after a step. The gateway is asked over its control socket what it has come to know.
import { spawn } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NewDevice, Operations } from '../../src/app/operations.ts';
import type { Renewal } from '../../src/domain/renewal.ts';
import { connectOperations } from '../../src/http/control-client.ts';
import type { GatewayProcess } from './gateway-process.ts';

/** Exit codes that the programs of examples/ have in common. */
export const exits = { renewed: 0, failed: 1, nothingOwed: 3, tooLarge: 4, cutOff: 99 } as const;

export interface Run {
  readonly code: number | null;
  readonly said: string;
}

/** Runs to its end, and fails the test after a minute. */
export function runProgram(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Run> {
  return new Promise((settle, reject) => {
    const child = spawn(command, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        said += data.toString();
      });
    }
    child.once('error', reject);
    child.once('close', (code) => settle({ code, said }));
  });
}

export async function operationsOf(gateway: GatewayProcess): Promise<Operations> {
  const operations = await connectOperations(gateway.place.home);
  if (!operations) throw new Error('the gateway does not answer');
  return operations;
}

export interface Program {
  readonly command: string;
  /** Before host, port, id and folder. */
  readonly args?: readonly string[];
}

export class DeviceProgram {
  readonly gateway: GatewayProcess;
  readonly operations: Operations;
  readonly id: string;
  readonly folder: string;

  private constructor(gateway: GatewayProcess, operations: Operations, id: string) {
    this.gateway = gateway;
    this.operations = operations;
    this.id = id;
    this.folder = join(gateway.place.folder, 'devices', id);
  }

  /** Puts a device into the inventory that can `recertify`, with its key, certificate and root in DER in its folder. */
  static async make(gateway: GatewayProcess, id: string, input: Partial<NewDevice> = {}): Promise<DeviceProgram> {
    const operations = await operationsOf(gateway);
    const device = new DeviceProgram(gateway, operations, id);
    await operations.addDevice({ owner: 'tests', modes: ['recertify'], encoding: 'cbor', slots: 2, ...input, id });
    const issued = await operations.issueDevice({ id });
    mkdirSync(device.folder, { recursive: true });
    const files = {
      'key.der': createPrivateKey(issued.keyPem).export({ type: 'sec1', format: 'der' }),
      'ca.der': new X509Certificate(issued.rootPem).raw,
      'slot0.der': new X509Certificate(issued.certificatePem).raw,
    };
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(device.folder, name), bytes, { mode: 0o600 });
    return device;
  }

  run({ command, args = [] }: Program, options: Readonly<Record<string, number>> = {}): Promise<Run> {
    const where = ['localhost', String(this.gateway.mqttPort), this.id, this.folder];
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    return runProgram(command, [...args, ...where, ...words]);
  }

  /** Makes the renewal of its certificate due; it must have been seen on a connection before. */
  due(): Promise<Renewal> {
    return this.operations.runRenewal({ device: this.id });
  }

  async renewal(): Promise<Renewal> {
    const [renewal] = await this.operations.listRenewals({ device: this.id });
    if (!renewal) throw new Error(`${this.id} has no renewal`);
    return renewal;
  }
}

/** Does all of these, `width` at a time. */
export async function inTurns<T>(items: readonly T[], width: number, act: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await act(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
