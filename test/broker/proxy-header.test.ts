// PROXY headers as balancers write them, and everything that is none.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readProxyHeader } from '../../src/broker/door/proxy-header.ts';

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

/** Version 2: version and command, family and protocol, body. */
function version2(command: number, family: number, body: Buffer, length = body.length): Buffer {
  const fixed = Buffer.from([command, family, length >> 8, length & 0xff]);
  return Buffer.concat([signature, fixed, body]);
}

const ipv4 = Buffer.from([192, 0, 2, 7, 198, 51, 100, 1, 0xd9, 0x03, 0x22, 0xb3]);
const ipv6 = Buffer.concat([
  Buffer.from('20010db8000000010000000000000001', 'hex'),
  Buffer.from('20010db8000000020000000000000001', 'hex'),
  Buffer.from([0xd9, 0x03, 0x22, 0xb3]),
]);

const readable: [string, Buffer, string | null][] = [
  ['version 1, IPv4', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 55555 8883\r\n'), '192.0.2.7'],
  ['version 1, IPv6', Buffer.from('PROXY TCP6 2001:db8::1 2001:db8::2 55555 8883\r\n'), '2001:db8::1'],
  ['version 1, unknown', Buffer.from('PROXY UNKNOWN\r\n'), null],
  ['version 1, unknown with addresses', Buffer.from('PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n'), null],
  ['version 2, IPv4', version2(0x21, 0x11, ipv4), '192.0.2.7'],
  ['version 2, IPv4 with extensions', version2(0x21, 0x11, Buffer.concat([ipv4, Buffer.alloc(300, 4)])), '192.0.2.7'],
  ['version 2, IPv6', version2(0x21, 0x21, ipv6), '2001:db8:0:1:0:0:0:1'],
  ['version 2, the balancer itself', version2(0x20, 0x00, Buffer.alloc(0)), null],
  ['version 2, the balancer itself with addresses', version2(0x20, 0x11, ipv4), null],
  ['version 2, of no family', version2(0x21, 0x00, Buffer.alloc(0)), null],
];

describe('a PROXY header', () => {
  it.each(readable)('is read: %s', (_name, header, source) => {
    const behind = Buffer.from([0x16, 3, 1]);
    expect(readProxyHeader(Buffer.concat([header, behind]))).toEqual({
      state: 'complete',
      bytes: header.length,
      source,
    });
  });

  it.each(readable)('is waited for as long as it is not whole: %s', (_name, header) => {
    for (let length = 0; length < header.length; length += 1) {
      expect(readProxyHeader(header.subarray(0, length)).state, `${length} bytes`).toBe('incomplete');
    }
  });

  it.each([
    ['a TLS record', Buffer.from('1603010200010001fc0303', 'hex')],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['lower case', Buffer.from('proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n')],
    ['an address of the other family', Buffer.from('PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n')],
    ['addresses of both families', Buffer.from('PROXY TCP6 2001:db8::1 192.0.2.7 1 2\r\n')],
    ['a name for an address', Buffer.from('PROXY TCP4 localhost 198.51.100.1 1 2\r\n')],
    ['octal', Buffer.from('PROXY TCP4 0300.0.2.7 198.51.100.1 1 2\r\n')],
    ['a missing port', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n')],
    ['a port too high', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n')],
    ['two blanks', Buffer.from('PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n')],
    ['another protocol', Buffer.from('PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n')],
    ['no end', Buffer.from(`PROXY ${'x'.repeat(101)}`)],
    ['another version', version2(0x11, 0x11, ipv4)],
    ['an unknown command', version2(0x22, 0x11, ipv4)],
    ['a body too short for IPv4', version2(0x21, 0x11, ipv4.subarray(1))],
    ['a body too short for IPv6', version2(0x21, 0x21, ipv4)],
    ['a path', version2(0x21, 0x31, Buffer.alloc(216))],
    ['a body too long', version2(0x21, 0x11, ipv4, 4_097)],
  ])('is refused: %s', (_name, bytes) => {
    expect(readProxyHeader(bytes).state).toBe('wrong');
  });

  it('asks for no more bytes than the longest header has', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 200 }), fc.boolean(), (tail, second) => {
        const bytes = Buffer.concat([second ? signature : Buffer.from('PROXY '), tail]);
        const header = readProxyHeader(bytes);
        if (header.state === 'incomplete') expect(bytes.length).toBeLessThan(second ? 16 + 4_096 : 107);
        if (header.state === 'complete') expect(header.bytes).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});
