// Roots that follow each other in a scenario: each with a PKI of its own and a port that shows its chain, and the steps that it signs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { putStep } from '../../src/app/enrollment/release-step.ts';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { initPki } from '../../src/authority/init.ts';
import { readKeyFile } from '../../src/authority/key-pair.ts';
import { readServerCertificate, readServerRoot } from '../../src/authority/server-certificate.ts';
import type { OpenPort } from '../../src/broker/ports.ts';
import { dayMs } from '../../src/domain/time.ts';
import type { KeptStep } from '../../src/domain/trust-told.ts';
import { systemEntropy } from '../../src/home/options.ts';
import { derToPem } from '../../src/pki/pem.ts';
import { signStep } from '../../src/pki/trust-step.ts';
import { fingerprintOf } from '../../src/pki/x509.ts';
import { memoryCredentials } from '../../src/simulator/credentials.ts';
import { Device, type DeviceOptions } from '../../src/simulator/device.ts';
import type { EventOf } from '../../src/simulator/event.ts';
import { memoryRoots, type RootsOptions } from '../../src/simulator/roots.ts';
import { idOf } from '../domain/samples.ts';
import type { House } from './harness.ts';

const here = '127.0.0.1';

interface Root {
  readonly folder: string;
  readonly der: Uint8Array;
  port: number;
}

export class Rollover {
  readonly house: House;
  readonly #roots = new Map<number, Root>();
  readonly #folders: string[] = [];
  readonly #open = new Map<number, OpenPort>();
  #sequence = Math.floor(Date.now() / 1_000);

  constructor(house: House) {
    this.house = house;
    const folder = join(house.home, 'pki');
    this.#roots.set(1, { folder, der: readServerRoot(folder), port: house.gateway.ports.mqtt });
  }

  root(number: number): Root {
    const root = this.#roots.get(number);
    if (!root) throw new Error(`root ${number} was not made`);
    return root;
  }

  fingerprint(number: number): string {
    return fingerprintOf(this.root(number).der);
  }

  /** Makes a root, and opens the port that shows its chain. */
  async open(number: number): Promise<OpenPort> {
    const folder = mkdtempSync(join(tmpdir(), 'nolapse-root-'));
    this.#folders.push(folder);
    initPki(folder, { now: Date.now(), entropy: systemEntropy, names: ['localhost'] });
    const root = { folder, der: readServerRoot(folder), port: 0 };
    this.#roots.set(number, root);
    return this.reopen(number);
  }

  /** Opens a port that shows the chain of a root: its own, or another. */
  async reopen(number: number, at = this.root(number).port): Promise<OpenPort> {
    const root = this.root(number);
    const server = readServerCertificate(root.folder, null);
    if (!server) throw new Error('no server certificate');
    const ca = [...this.#roots.values()].map(({ der }) => derToPem(der, 'CERTIFICATE'));
    const material = { root: number, key: server.keyPem, cert: server.certificatePem, ca };
    const open = await this.house.gateway.openPort({ host: here, port: at }, material);
    if (root.port === 0) root.port = open.port;
    this.#open.set(open.port, open);
    return open;
  }

  /** Has a port that is open show the chain of another root. */
  async swap(number: number, port: number): Promise<OpenPort> {
    this.#open.get(port)?.close();
    return this.reopen(number, port);
  }

  /** Signs a step. `facts`: what is kept of it otherwise than is right. `by`: whose key signs it. */
  sign(kind: KeptStep['kind'], signer: number, named = kind === 'successor' ? signer + 1 : signer, by = signer) {
    this.#sequence += 1;
    const sequence = this.#sequence;
    const said = { sequence, signer: fingerprintOf(this.root(signer).der) };
    const { der } = this.root(named);
    const step =
      kind === 'successor' ? { kind, ...said, named: fingerprintOf(der), root: der } : ({ kind, ...said } as const);
    const bytes = signStep(step, readKeyFile(this.root(by).folder, 'root.key', undefined));
    const now = Date.now();
    const kept: KeptStep = {
      sequence,
      kind,
      signer,
      named,
      size: bytes.length,
      port: this.root(named).port,
      madeAt: now,
      announcedFrom: now - 1,
      keptUntil: now + 365 * dayMs,
    };
    return { kept, bytes };
  }

  /** Releases a step. @returns its renewal id. */
  async release(...said: Parameters<Rollover['sign']>): Promise<string> {
    const { kept, bytes } = this.sign(...said);
    await this.put(kept, bytes);
    return `t${kept.sequence}`;
  }

  put(kept: KeptStep, bytes: Uint8Array): Promise<void> {
    return this.house.store.transact((tx) => putStep({ tx, now: Date.now() }, kept, bytes));
  }

  close(): void {
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }
}

/** A device of the simulator that takes steps, and what it tells by now. */
export class Learner {
  readonly device: Device;
  readonly roots: RootsOptions;

  constructor(
    id: string,
    issued: IssuedView,
    port: number,
    more: Partial<DeviceOptions> & Omit<RootsOptions, 'store'> = {},
  ) {
    const { rootsMax, together, ...options } = more;
    this.roots = {
      store: memoryRoots(issued.rootPem, port),
      ...(rootsMax !== undefined && { rootsMax }),
      ...(together !== undefined && { together }),
    };
    this.device = new Device({
      id: idOf(id),
      target: { host: 'localhost', port, ca: issued.rootPem },
      store: memoryCredentials({ ...issued, renewal: null, retires: null }),
      roots: this.roots,
      telemetryMs: 0,
      retryFirstMs: 50,
      retryMaxMs: 200,
      ...options,
    });
  }

  /** Resolves once this root has verified a connection that ended in CONNACK 0. */
  verified(root: string): Promise<EventOf<'verified'>> {
    return new Promise((resolve) => {
      const end = this.device.listen((event) => {
        if (event.type !== 'verified' || event.root !== root) return;
        end();
        resolve(event);
      });
    });
  }

  /** Resolves once it says that it keeps this step. */
  stored(renewal: string): Promise<void> {
    return new Promise((resolve) => {
      const end = this.device.listen((event) => {
        if (event.type !== 'stored' || event.renewal !== renewal) return;
        end();
        resolve();
      });
    });
  }

  /** The roots that it holds, oldest first. */
  async held(): Promise<string[]> {
    const { trust } = await this.roots.store.read();
    return trust.roots.map(({ fingerprint, leaving }) => (leaving ? `${fingerprint}-` : fingerprint));
  }
}
