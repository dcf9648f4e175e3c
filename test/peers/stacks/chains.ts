// Two PKIs as nolapse makes them, root, issuing CA and server each, and the chains that a rollover shows to devices: the old one, the
// next one, the next one with a cross certificate, and one that nobody can trust.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initPki } from '../../../src/authority/init.ts';
import { issuerOf } from '../../../src/authority/issuing-ca.ts';
import { readPair } from '../../../src/authority/key-pair.ts';
import { loadProfiles } from '../../../src/authority/profiles.ts';
import {
  issueServerCertificate,
  readServerCertificate,
  type ServerCertificate,
} from '../../../src/authority/server-certificate.ts';
import type { TlsMaterial } from '../../../src/broker/door/tls-options.ts';
import { signCa } from '../../../src/pki/certificate.ts';
import { derToPem } from '../../../src/pki/pem.ts';
import { newSerial } from '../../../src/pki/serial.ts';
import { day, entropy } from '../../pki/made.ts';
import { makeLeaf } from '../../scenarios/ca.ts';

/** What a listener shows. In those that end with `Limited` the old root has `pathlen:1`, as homes of older versions have. */
export const scenes = [
  'old',
  'next',
  'control',
  'cross',
  'oldLimited',
  'crossLimited',
  /** The old chain, but the hints name other CAs than the device's. */
  'unhinted',
  /** The old chain, and the hints name roots alone: the device's certificate is not directly of one. */
  'rootHinted',
  /** The old chain, but the certificate is for another name. */
  'misnamed',
] as const;
export type Scene = (typeof scenes)[number];

/** The roots that a device has. In `expired` the old one has ended; the next one is there too. */
export const trusts = ['old', 'next', 'both', 'oldLimited', 'bothLimited', 'expired'] as const;
export type Trust = (typeof trusts)[number];

/** As long as they may be for a Certificate message below 1,000 bytes; clients connect to the first. */
const serverNames = ['localhost', '127.0.0.1', `${'a'.repeat(63)}.${'b'.repeat(43)}`];

interface Pki {
  readonly dir: string;
  readonly rootPem: string;
  readonly issuingPem: string;
  readonly server: ServerCertificate;
}

function makePki(dir: string, pathLength: 1 | null): Pki {
  const profiles = loadProfiles();
  const root = { ...profiles.root, pathLength };
  initPki(dir, { now: Date.now(), entropy, names: serverNames, profiles: { ...profiles, root } });
  const server = readServerCertificate(dir, null);
  if (!server) throw new Error(`there is no server certificate in ${dir}`);
  const [rootPem, issuingPem] = ['root', 'issuing'].map((name) => readFileSync(join(dir, `${name}.crt`), 'utf8'));
  return { dir, rootPem: String(rootPem), issuingPem: String(issuingPem), server };
}

/** A root's certificate made anew, with the same name, key and identifier of it, by `issuer`: a cross certificate, or its own. */
function rootAgain(of: Pki, issuer: Pki, notAfter: number): string {
  const { commonName, key } = readPair(of.dir, 'root', undefined).facts;
  const body = {
    serial: newSerial(entropy),
    commonName: String(commonName),
    notBefore: Date.now() - 2 * day,
    notAfter,
    spki: key.spki,
    usages: loadProfiles().root,
    pathLength: null,
  };
  return derToPem(signCa(body, issuerOf(readPair(issuer.dir, 'root', undefined))), 'CERTIFICATE');
}

export interface Device {
  /** A certificate of the old issuing CA, alone, and its key: PEM. */
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface Chains {
  readonly folder: string;
  readonly device: Device;
  readonly materials: Readonly<Record<Scene, TlsMaterial>>;
  /** PEM of each root that a device has. */
  readonly roots: Readonly<Record<Trust, readonly string[]>>;
}

export function makeChains(): Chains {
  const folder = mkdtempSync(join(tmpdir(), 'nolapse-stacks-'));
  const made = (name: string, pathLength: 1 | null) => makePki(join(folder, name), pathLength);
  const [old, limited, next, control] = [
    made('old', null),
    made('limited', 1),
    made('next', null),
    made('control', null),
  ];
  const hints = [old, next].flatMap(({ rootPem, issuingPem }) => [rootPem, issuingPem]);
  const shown = ({ keyPem, certificatePem }: ServerCertificate, ...more: string[]): TlsMaterial => ({
    key: keyPem,
    cert: certificatePem + more.join(''),
    ca: hints,
  });
  const device = makeLeaf('device-1', issuerOf(readPair(old.dir, 'issuing', undefined)));
  const elsewhere = issueServerCertificate(old.dir, { now: Date.now(), entropy, names: ['elsewhere.example'] });
  return {
    folder,
    device,
    materials: {
      old: shown(old.server),
      next: shown(next.server),
      control: shown(control.server),
      cross: shown(next.server, rootAgain(next, old, Date.now() + day)),
      oldLimited: shown(limited.server),
      crossLimited: shown(next.server, rootAgain(next, limited, Date.now() + day)),
      unhinted: { ...shown(old.server), ca: [control.rootPem, control.issuingPem] },
      rootHinted: { ...shown(old.server), ca: [old.rootPem, next.rootPem] },
      misnamed: shown(elsewhere),
    },
    roots: {
      old: [old.rootPem],
      next: [next.rootPem],
      both: [old.rootPem, next.rootPem],
      oldLimited: [limited.rootPem],
      bothLimited: [limited.rootPem, next.rootPem],
      expired: [rootAgain(old, old, Date.now() - day), next.rootPem],
    },
  };
}

/** What a client is given: paths of PEM files. */
export interface Files {
  readonly device: { readonly certificate: string; readonly key: string };
  /** One file for each, with one root or both. */
  readonly roots: Readonly<Record<Trust, string>>;
}

export function writeFiles({ folder, device, roots }: Chains): Files {
  const dir = join(folder, 'device');
  mkdirSync(dir);
  const write = (name: string, pem: string): string => {
    writeFileSync(join(dir, name), pem, { mode: 0o600 });
    return join(dir, name);
  };
  const written = trusts.map((trust) => [trust, write(`${trust}.pem`, roots[trust].join(''))]);
  return {
    device: { certificate: write('device.crt', device.certificatePem), key: write('device.key', device.keyPem) },
    roots: Object.fromEntries(written) as Record<Trust, string>,
  };
}
