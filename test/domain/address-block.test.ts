// Addresses that are counted as one, whatever form a socket or a balancer writes them in.
import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBlock } from '../../src/domain/address-block.ts';

describe('the block of an address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
    ['0000:0000:0000:0000:0000:ffff:c000:0207', '192.0.2.7'],
    ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
    ['2001:db8:0:1:ffff:ffff:ffff:ffff', '2001:db8:0:1::/64'],
    ['2001:0DB8:0000:0001:0000:0000:0000:0001', '2001:db8:0:1::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
    ['', ''],
    [undefined, ''],
  ])('of %s is %s', (address, block) => {
    expect(addressBlock(address)).toBe(block);
  });

  it('is the same for IPv6 addresses exactly when their first 64 bits are', () => {
    const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 4, maxLength: 4 });
    const text = (all: readonly number[]) => all.map((group) => group.toString(16)).join(':');
    fc.assert(
      fc.property(groups, groups, groups, (network, a, b) => {
        fc.pre(network.some((group) => group > 0));
        const [first, second] = [text([...network, ...a]), text([...network, ...b])];
        expect(isIPv6(first)).toBe(true);
        expect(addressBlock(first)).toBe(addressBlock(second));
        const other = text([network[0] ?? 0, network[1] ?? 0, network[2] ?? 0, (network[3] ?? 0) ^ 1, ...a]);
        expect(addressBlock(other)).not.toBe(addressBlock(first));
      }),
    );
  });
});
