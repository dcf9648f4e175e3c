// The names a server certificate carries: which of the configured ones are addresses, which DNS names, which neither.
import { isIP } from 'node:net';
import { NolapseError } from '../domain/errors.ts';
import type { HostName } from '../pki/extensions.ts';

const label = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
const dnsName = new RegExp(`^(?:\\*\\.)?${label}(?:\\.${label})*$`);

function octetsOf(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split('.'), Number);
  // URL writes every IPv6 address in its shortest form, without a dotted tail.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): string[] => text.split(':').filter((group) => group !== '');
  const [left, right] = [groups(head), groups(tail ?? '')];
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  return Uint8Array.from(
    Buffer.from([...left, ...zeros, ...right].map((group) => group.padStart(4, '0')).join(''), 'hex'),
  );
}

/** Reads a host name as configured. Fails with NolapseError `invalid_name`. */
export function hostNameOf(name: string): HostName {
  if (isIP(name) !== 0 && !name.includes('%')) return { address: octetsOf(name) };
  if (name.length > 253 || !dnsName.test(name)) {
    throw new NolapseError(
      'invalid_name',
      `${JSON.stringify(name.slice(0, 300))} is neither a DNS name nor an address`,
    );
  }
  return { dns: name };
}
