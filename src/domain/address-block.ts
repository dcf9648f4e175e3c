// Which addresses are counted as one. Whoever has one IPv6 address has the whole /64 around it (RFC 4291, 2.5.4).

/** Addresses whose first `prefix` bits are those of `address`. */
export interface Network {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly prefix: number;
}

const groupsOfIpv6 = 8;
const groupsOfBlock = 4;

/**
 * The block an address belongs to: an IPv4 address is one by itself, in its IPv6 form too (`::ffff:192.0.2.1`, RFC 4291, 2.5.5.2);
 * an IPv6 address belongs to its /64, such as `2001:db8:0:1::/64`.
 * @param address as a socket or a PROXY header gives it; undefined: the socket is closed, and the block is empty.
 */
export function addressBlock(address: string | undefined): string {
  if (!address?.includes(':')) return address ?? '';
  const [bare = ''] = address.split('%');
  const [head = [], tail] = bare.split('::').map(groupsOf);
  const zeros = tail ? Math.max(0, groupsOfIpv6 - head.length - tail.length) : 0;
  const groups = [...head, ...new Array<number>(zeros).fill(0), ...(tail ?? [])];
  const isIpv4 = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isIpv4)
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.');
  return `${groups
    .slice(0, groupsOfBlock)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** The groups of 16 bits in one side of `::`; an IPv4 tail makes two. */
function groupsOf(side: string): number[] {
  if (side === '') return [];
  return side.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}
