// What each TLS stack makes of the chains of a rollover: the table that test/peers/stacks.test.ts holds real handshakes against, and that
// docs/tls-stacks.md shows.
import type { Scene, Trust } from './chains.ts';

export const versions = ['TLSv1.2', 'TLSv1.3'] as const;
export type Version = (typeof versions)[number];

export interface Stack {
  readonly name: string;
  /** What was used of it. */
  readonly by: string;
  readonly versions: readonly Version[];
  /** How it is given two roots. */
  readonly bothRoots: string;
  /** How it is told to check the certificate's name. */
  readonly nameCheck: string;
  /** Whether SNI says `localhost`, a name without a dot. */
  readonly sniWithoutDot: boolean;
  /** The CAs one of which the hints must name before it sends its certificate, which it has without a chain; `any`: whatever they name. */
  readonly hints: 'any' | 'its issuer' | 'its issuer or root';
  /** What the broker gets from it when it does not trust the chain. */
  readonly distrust: Distrust;
  /** With which roots it accepts the next chain with a cross certificate by an old root without path length. */
  readonly cross: Accepts;
  /** The same where the old root has `pathlen:1`. */
  readonly crossLimited: Accepts;
  /** Which chains it accepts when it has the next root, and the old one has ended. */
  readonly expired: readonly ('old' | 'next' | 'cross')[];
}

interface Distrust {
  /** The alert; null: none, the connection ends. */
  readonly alert: string | null;
  /** The versions in which the handshake was complete before. */
  readonly handshakeIn: readonly Version[];
}

const all = ['old', 'next', 'both'] as const;
type Accepts = readonly (typeof all)[number][];

const usual = {
  versions,
  bothRoots: 'one file in PEM',
  nameCheck: 'by default',
  sniWithoutDot: true,
  hints: 'any',
  distrust: { alert: 'unknown_ca', handshakeIn: [] },
  cross: all,
  crossLimited: ['next', 'both'],
  expired: ['next', 'cross'],
} as const satisfies Partial<Stack>;

const sClient = { ...usual, nameCheck: '`-verify_hostname`', sniWithoutDot: false } as const;
/** Takes a root as it is, whatever its date and its path length. */
const rootsAsTheyAre = { crossLimited: all, expired: ['old', 'next', 'cross'] } as const;
const bad = { alert: 'bad_certificate', handshakeIn: [] } as const;

export const stacks = [
  { ...sClient, name: 'OpenSSL 3', by: '`openssl s_client`' },
  { ...sClient, name: 'OpenSSL 3, partial chain', by: '`openssl s_client -partial_chain`' },
  { ...sClient, name: 'OpenSSL 3, strict', by: '`openssl s_client -x509_strict`' },
  {
    ...usual,
    name: 'OpenSSL 1.0.2',
    by: 'OpenSSL 3 without `TRUSTED_FIRST` stands in for it',
    nameCheck: '`SSL_set1_host`',
    crossLimited: ['next'],
    expired: ['next'],
  },
  { ...usual, name: 'curl', by: '`curl`, on OpenSSL' },
  { ...usual, name: 'mosquitto', by: '`mosquitto_pub`, on OpenSSL' },
  { ...usual, name: 'Node.js', by: '`tls.connect`', distrust: { alert: null, handshakeIn: ['TLSv1.2'] } },
  { ...usual, name: 'Python', by: '`ssl.SSLContext`' },
  {
    ...usual,
    name: 'Python 3.13',
    by: '`ssl.SSLContext` with its `VERIFY_X509_STRICT` and `VERIFY_X509_PARTIAL_CHAIN`',
  },
  { ...usual, name: 'GnuTLS', by: '`gnutls-cli`', distrust: bad, crossLimited: ['next'] },
  { ...usual, name: 'NSS', by: '`tstclnt`', bothRoots: 'two entries of its database', hints: 'its issuer or root' },
  {
    ...usual,
    name: 'Java',
    by: '`SSLSocket`',
    bothRoots: 'two entries of a trust store',
    nameCheck: '`setEndpointIdentificationAlgorithm`',
    sniWithoutDot: false,
    hints: 'its issuer',
    distrust: { alert: 'certificate_unknown', handshakeIn: [] },
    ...rootsAsTheyAre,
  },
  {
    ...usual,
    name: 'Go',
    by: '`crypto/tls`',
    bothRoots: '`AppendCertsFromPEM`, once or twice',
    hints: 'its issuer',
    distrust: bad,
  },
  { ...usual, name: 'rustls', by: 'with `ring`', bothRoots: '`RootCertStore::add` twice', ...rootsAsTheyAre },
  { ...usual, name: 'mbedTLS', by: 'C', versions: ['TLSv1.2'], nameCheck: '`mbedtls_ssl_set_hostname`' },
  {
    ...usual,
    name: 'MicroPython',
    by: '`tls.SSLContext`, on mbedTLS',
    bothRoots: '`load_verify_locations` twice',
    nameCheck: '`server_hostname`',
  },
  {
    ...usual,
    name: 'BearSSL',
    by: 'C',
    versions: ['TLSv1.2'],
    bothRoots: 'two elements of the array of anchors',
    nameCheck: '`br_ssl_client_reset`',
    distrust: { alert: null, handshakeIn: [] },
    ...rootsAsTheyAre,
  },
  {
    ...usual,
    name: 'wolfSSL',
    by: 'C, as Debian builds it',
    nameCheck: '`wolfSSL_check_domain_name`',
    ...rootsAsTheyAre,
  },
] as const satisfies readonly Stack[];

export type StackName = (typeof stacks)[number]['name'];

/** The roots that a client has, and the chain that it is shown. */
export interface Case {
  readonly trust: Trust;
  readonly scene: Scene;
}

export const cases: readonly Case[] = [
  ...(['old', 'next', 'both'] as const).flatMap((trust) =>
    (['old', 'next', 'control', 'cross'] as const).map((scene) => ({ trust, scene })),
  ),
  ...(['oldLimited', 'next', 'bothLimited'] as const).flatMap((trust) =>
    (['oldLimited', 'crossLimited'] as const).map((scene) => ({ trust, scene })),
  ),
  ...(['old', 'next', 'cross'] as const).map((scene) => ({ trust: 'expired' as const, scene })),
  ...(['unhinted', 'rootHinted', 'misnamed'] as const).map((scene) => ({ trust: 'old' as const, scene })),
];

/** Is it to show its certificate where the hints are such? Hints of all other scenes name every CA. */
export function identifies({ hints }: Stack, scene: Scene): boolean {
  if (scene === 'unhinted') return hints === 'any';
  return scene !== 'rootHinted' || hints !== 'its issuer';
}

const rootsOf = {
  old: 'old',
  next: 'next',
  both: 'both',
  oldLimited: 'old',
  bothLimited: 'both',
  expired: 'both',
} as const;

/** Is it to accept the chain with these roots? */
export function accepts(stack: Stack, { trust, scene }: Case): boolean {
  if (trust === 'expired') return stack.expired.some((accepted) => accepted === scene);
  const roots = rootsOf[trust];
  switch (scene) {
    case 'control':
    case 'misnamed':
      return false;
    case 'next':
      return roots !== 'old';
    case 'cross':
      return stack.cross.includes(roots);
    case 'crossLimited':
      return stack.crossLimited.includes(roots);
    case 'old':
    case 'oldLimited':
    case 'unhinted':
    case 'rootHinted':
      return roots !== 'next';
  }
}
