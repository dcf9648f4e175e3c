// What the server says in the clear in a handshake, as whoever is in between hears it: its chain, and the CAs that it hints at.
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial } from 'node:net';
import { connect as secure } from 'node:tls';
import { readCertificate } from '../../src/pki/x509.ts';

/** The handshake messages that the server sends in the clear in TLS 1.2, by type (RFC 5246, 7.4), with their headers. */
function messagesIn(bytes: Buffer): Map<number, Buffer> {
  const handshakes: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length && bytes[at] === 22; at += 5 + bytes.readUInt16BE(at + 3)) {
    handshakes.push(bytes.subarray(at + 5, at + 5 + bytes.readUInt16BE(at + 3)));
  }
  const flight = Buffer.concat(handshakes);
  const messages = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= flight.length; ) {
    const end = at + 4 + flight.readUIntBE(at + 1, 3);
    messages.set(flight[at] ?? -1, flight.subarray(at, end));
    at = end;
  }
  return messages;
}

/** Shakes hands through a proxy that keeps what the server says. */
async function overheard(port: number): Promise<Map<number, Buffer>> {
  const said: Buffer[] = [];
  const proxy = createServer((client) => {
    const server = dial(port, '127.0.0.1').on('data', (data) => said.push(data));
    client.pipe(server).pipe(client);
    for (const socket of [client, server]) socket.on('error', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const socket = secure({
    host: '127.0.0.1',
    port: (proxy.address() as AddressInfo).port,
    maxVersion: 'TLSv1.2',
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect');
  socket.destroy();
  proxy.close();
  return messagesIn(Buffer.concat(said));
}

const certificateMessage = 11;

/** The certificates of a Certificate message (RFC 5246, 7.4.2). */
function certificatesIn(message: Buffer): Uint8Array[] {
  const ders: Uint8Array[] = [];
  for (let at = 7; at < message.length; ) {
    const end = at + 3 + message.readUIntBE(at, 3);
    ders.push(message.subarray(at + 3, end));
    at = end;
  }
  return ders;
}

/** How much longer a certificate of the same names may be: the numbers in its serial and its ECDSA signature vary in length. */
function growth(der: Uint8Array): number {
  const { serialDer, signed } = readCertificate(der);
  return 2 + 17 - serialDer.length + 72 - signed.signature.length;
}

/** TLS 1.3 adds a context, and two bytes of extensions for each certificate (RFC 8446, 4.4.2). */
export async function longestCertificateMessage(port: number | undefined): Promise<number> {
  const message = (await overheard(port ?? 0)).get(certificateMessage) ?? Buffer.alloc(0);
  const ders = certificatesIn(message);
  if (ders.length !== 2) throw new Error(`${ders.length} certificates are sent`);
  return message.length + ders.reduce((sum, der) => sum + growth(der) + 2, 1);
}

/** DER of the certificates that a port shows, the leaf first. */
export async function chainShown(port: number): Promise<Uint8Array[]> {
  return certificatesIn((await overheard(port)).get(certificateMessage) ?? Buffer.alloc(0));
}

const certificateRequest = 13;

/** DER of the names of CAs that a client is hinted to choose its certificate of, in TLS 1.2 (RFC 5246, 7.4.4). */
export async function hintedNames(port: number): Promise<Buffer[]> {
  const message = (await overheard(port)).get(certificateRequest) ?? Buffer.alloc(0);
  const types = message.readUInt8(4);
  const algorithms = message.readUInt16BE(5 + types);
  const names: Buffer[] = [];
  for (let at = 5 + types + 2 + algorithms + 2; at < message.length; ) {
    const end = at + 2 + message.readUInt16BE(at);
    names.push(message.subarray(at + 2, end));
    at = end;
  }
  return names;
}
