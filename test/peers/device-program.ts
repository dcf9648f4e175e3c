// A device whose firmware is a program of examples/: its folder as it leaves the factory, and runs of the program that end by
// themselves or are cut off after a step. The broker is asked over its control socket what it has come to know.
import { spawn } from 'node:child_process';
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { Operations } from '../../src/app/operator/operate.ts';
import type { NewDevice } from '../../src/app/views/devices.ts';
import type { Renewal } from '../../src/domain/renewal.ts';
import { connectOperations } from '../../src/http/control-client.ts';
import { tester } from '../fakes/tester.ts';
import type { GatewayProcess } from './nolapse-process.ts';

/** Exit codes that the programs of examples/ have in common. */
export const exits = { renewed: 0, failed: 1, nothingOwed: 3, tooLarge: 4, tryAgain: 75, cutOff: 99 } as const;

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
  const operations = await connectOperations(gateway.place.home, tester);
  if (!operations) throw new Error('the gateway does not answer');
  return operations;
}

export interface Program {
  readonly command: string;
  /** Before host, port, id and folder. */
  readonly args?: readonly string[];
}

/** What the C and MicroPython clients leave the factory with: key, root and certificate in DER. */
export function fillWithDer(
  folder: string,
  issued: { readonly keyPem: string; readonly rootPem: string; readonly certificatePem: string },
): void {
  mkdirSync(folder, { recursive: true });
  const files = {
    'key.der': createPrivateKey(issued.keyPem).export({ type: 'sec1', format: 'der' }),
    'ca.der': new X509Certificate(issued.rootPem).raw,
    'slot0.der': new X509Certificate(issued.certificatePem).raw,
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes, { mode: 0o600 });
}

export class DeviceProgram {
  readonly gateway: GatewayProcess;
  readonly operations: Operations;
  readonly id: string;
  readonly folder: string;
  /** The certificate it left the factory with, in DER. */
  readonly first: Buffer;

  private constructor(gateway: GatewayProcess, operations: Operations, id: string, first: Buffer) {
    this.gateway = gateway;
    this.operations = operations;
    this.id = id;
    this.first = first;
    this.folder = join(gateway.place.folder, 'devices', id);
  }

  /** Puts a device into the inventory that can `recertify`, with its key, certificate and root in DER in its folder. */
  static async make(gateway: GatewayProcess, id: string, input: Partial<NewDevice> = {}): Promise<DeviceProgram> {
    const operations = await operationsOf(gateway);
    await operations.addDevice({ owner: 'tests', modes: ['recertify'], encoding: 'cbor', slots: 2, ...input, id });
    const issued = await operations.issueDevice({ id });
    const device = new DeviceProgram(gateway, operations, id, new X509Certificate(issued.certificatePem).raw);
    fillWithDer(device.folder, issued);
    return device;
  }

  /** `port` is another way to the broker than the direct one. */
  run(
    { command, args = [] }: Program,
    options: Readonly<Record<string, number>> = {},
    port = this.gateway.mqttPort,
  ): Promise<Run> {
    const where = ['localhost', String(port), this.id, this.folder];
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    return runProgram(command, [...args, ...where, ...words]);
  }

  /** Connects once with its first certificate, and is gone before it is owed anything. */
  async beSeen(): Promise<void> {
    const cert = new X509Certificate(this.first).toString();
    const der = readFileSync(join(this.folder, 'key.der'));
    const key = createPrivateKey({ key: der, format: 'der', type: 'sec1' }).export({ type: 'pkcs8', format: 'pem' });
    const socket = connect({ host: '127.0.0.1', port: this.gateway.mqttPort, cert, key, rejectUnauthorized: false });
    const name = Buffer.from(this.id);
    const body = Buffer.concat([
      Buffer.from([0, 4]),
      Buffer.from('MQTT'),
      Buffer.from([4, 2, 0, 60, 0, name.length]),
      name,
    ]);
    socket.write(Buffer.concat([Buffer.from([0x10, body.length]), body]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    if (answer.readUInt8(3) !== 0) throw new Error(`${this.id} got CONNACK ${answer.readUInt8(3)}`);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.end(Buffer.from([0xe0, 0]));
    await closed;
  }

  /** The keys it holds: the factory's, and what its slots begin with. */
  keys(): KeyObject[] {
    const files = ['key.der', 'slot0.der', 'slot1.der'].map((name) => join(this.folder, name));
    return files.filter((file) => existsSync(file)).flatMap((file) => keyIn(firstElement(readFileSync(file))));
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

/** The key in these bytes, if they are one. */
function keyIn(der: Buffer): KeyObject[] {
  for (const type of ['sec1', 'pkcs8'] as const) {
    try {
      return [createPrivateKey({ key: der, format: 'der', type })];
    } catch {
      // Not in this form.
    }
  }
  return [];
}

/** The DER element at the beginning, as far as it is there. */
function firstElement(bytes: Buffer): Buffer {
  const length = bytes.length > 1 ? bytes.readUInt8(1) : 0;
  const more = length > 0x80 ? length - 0x80 : 0;
  if (bytes.length < 2 + more || more > 2) return bytes;
  return bytes.subarray(0, 2 + more + (more > 0 ? bytes.readUIntBE(2, more) : length));
}
