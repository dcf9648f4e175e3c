// The header in which a load balancer says for whom it opened a connection: PROXY protocol, versions 1 and 2 (haproxy's
// proxy-protocol.txt, sections 2.1 and 2.2). It reads the header and nothing behind it.
import { isIP, isIPv4, isIPv6 } from 'node:net';

/** What the bytes so far are. `source` null: the balancer speaks for itself, as in its health checks. */
export type ProxyHeader =
  | { readonly state: 'incomplete' }
  | { readonly state: 'complete'; readonly bytes: number; readonly source: string | null }
  | { readonly state: 'wrong'; readonly detail: string };

const signature2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const signature1 = Buffer.from('PROXY ', 'latin1');
/** The longest line of version 1, with its end. */
const lineBytesMax = 107;
const fixedBytes2 = 16;
/** Addresses and what a balancer adds to them; the largest in the field, with a cloud's identifiers, have some hundreds. */
const bodyBytesMax2 = 4_096;
const [local, proxied] = [0, 1];
const [unspecified, overIpv4, overIpv6] = [0x00, 0x10, 0x20];
/** Both addresses and both ports. */
const [ipv4Bytes, ipv6Bytes] = [12, 36];

const incomplete = { state: 'incomplete' } as const;
const wrong = (detail: string): ProxyHeader => ({ state: 'wrong', detail });

export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, signature2)) return bytes.length < fixedBytes2 ? incomplete : readVersion2(bytes);
  if (startsLike(bytes, signature1)) return readVersion1(bytes);
  return wrong('no PROXY header');
}

/** Is it the beginning of what begins so, as far as it has come? */
function startsLike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.subarray(0, length).equals(signature.subarray(0, length));
}

function readVersion1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, lineBytesMax).indexOf('\r\n');
  if (end < 0) return bytes.length < lineBytesMax ? incomplete : wrong('a PROXY header of version 1 without an end');
  const complete = { state: 'complete', bytes: end + 2 } as const;
  const [, family, source = '', destination = '', ...ports] = bytes.toString('latin1', 0, end).split(' ');
  if (family === 'UNKNOWN') return { ...complete, source: null };
  const isOfFamily = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : () => false;
  const isWell = isOfFamily(source) && isIP(destination) === isIP(source) && ports.length === 2 && ports.every(isPort);
  return isWell ? { ...complete, source } : wrong('a PROXY header of version 1 that cannot be read');
}

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) <= 65_535;

function readVersion2(bytes: Buffer): ProxyHeader {
  const [version, command] = [(bytes[12] ?? 0) >> 4, (bytes[12] ?? 0) & 0x0f];
  const family = (bytes[13] ?? 0) & 0xf0;
  const length = bytes.readUInt16BE(14);
  if (version !== 2 || (command !== local && command !== proxied)) {
    return wrong('a PROXY header of version 2 that cannot be read');
  }
  if (length > bodyBytesMax2) return wrong(`a PROXY header of more than ${bodyBytesMax2} bytes`);
  if (bytes.length < fixedBytes2 + length) return incomplete;
  const complete = { state: 'complete', bytes: fixedBytes2 + length } as const;
  const body = bytes.subarray(fixedBytes2, fixedBytes2 + length);
  if (command === local || family === unspecified) return { ...complete, source: null };
  if (family === overIpv4 && length >= ipv4Bytes) return { ...complete, source: body.subarray(0, 4).join('.') };
  if (family === overIpv6 && length >= ipv6Bytes) {
    const groups = Array.from({ length: 8 }, (_, at) => body.readUInt16BE(2 * at).toString(16));
    return { ...complete, source: groups.join(':') };
  }
  return wrong('a PROXY header that names no IPv4 or IPv6 address');
}
