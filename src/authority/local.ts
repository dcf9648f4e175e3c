// The authority whose keys are files in the home. It signs what was approved, exactly as it was settled, and keeps no record: the
// ledger does. Which of its issuing CAs signs is told by their slots, and may change while it runs.
import { NolapseError } from '../domain/errors.ts';
import type { IssuingSlot } from '../domain/issuing-slots.ts';
import type { ApprovedRequest } from '../domain/request.ts';
import { type Issuer, type Locations, signLeaf } from '../pki/certificate.ts';
import { signCrl } from '../pki/crl.ts';
import type { Authority, Issuance, Trust, IssuingCa as TrustedCa } from '../ports/authority.ts';
import { type IssuingCa, type Named, openIssuingCa, readIssuingCa } from './issuing-ca.ts';
import { loadProfiles, type Profiles } from './profiles.ts';

export interface LocalOptions {
  /** What the certificates of the issuing CA with this number say of where to find more. */
  readonly locations: (issuer: number) => Locations;
  readonly passphrase?: string | undefined;
  /** Other profiles than those of the package. */
  readonly profiles?: Profiles | undefined;
  /** The issuing CAs in use, of those that are current the one first that signs; absent: the first alone. */
  readonly slots?: readonly IssuingSlot[] | undefined;
}

/** Signing in this process fails only when the key or what it signs is broken; the caller may try again. */
async function attempt<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NolapseError) throw error;
    throw new NolapseError('authority_unavailable', 'the issuing CA could not sign', error);
  }
}

/** It answers at once. Nobody tells it of revocations: its lists are signed from the ledger. */
export interface LocalAuthority extends Required<Omit<Authority, 'revoke'>> {
  issue(request: ApprovedRequest, crlUrl?: string): Promise<Extract<Issuance, { kind: 'issued' }>>;
  /** From now on these slots hold. Fails as {@link openLocalAuthority}, and then those before do. */
  use(slots: readonly IssuingSlot[]): void;
  /** What is wrong with issuing CAs that sign no more certificates: each with its number. */
  faults(): readonly string[];
}

/** A former issuing CA: without its key it is still trusted, and signs no list. */
type FormerCa = Omit<IssuingCa, 'issuer'> & { readonly issuer: Issuer | null };

interface Opened {
  readonly current: IssuingCa;
  readonly former: readonly FormerCa[];
  readonly faults: readonly string[];
  readonly trust: Trust;
}

const namedIn = ({ number, root, certificate }: IssuingSlot): Named => ({
  number,
  root,
  fingerprint: certificate?.fingerprint ?? null,
});

function trusted({ number, chain, facts }: Pick<IssuingCa, 'number' | 'chain' | 'facts'>): TrustedCa {
  return { number, chain, notAfter: facts.notAfter };
}

/** Those that cannot be opened keep nobody from being served: what is wrong with them is told. */
function openFormer(dir: string, passphrase: string | undefined, slots: readonly IssuingSlot[]) {
  const former: FormerCa[] = [];
  const faults: string[] = [];
  const tried = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof NolapseError)) throw error;
      faults.push(error.message);
    }
  };
  for (const slot of slots) {
    tried(() => {
      const certificate = readIssuingCa(dir, namedIn(slot));
      let issuer: Issuer | null = null;
      tried(() => {
        issuer = openIssuingCa(dir, passphrase, namedIn(slot)).issuer;
      });
      former.push({ ...certificate, issuer });
    });
  }
  return { former, faults };
}

/** The roots of these issuing CAs, each once. */
function rootsOf(current: IssuingCa, former: readonly FormerCa[]): Trust['roots'] {
  const roots: [Uint8Array, ...Uint8Array[]] = [current.root];
  for (const { root } of former) {
    if (!roots.some((known) => Buffer.compare(known, root) === 0)) roots.push(root);
  }
  return roots;
}

function openAll(dir: string, { passphrase, slots }: Pick<LocalOptions, 'passphrase' | 'slots'>): Opened {
  const signing = slots?.find(({ state }) => state === 'current');
  if (slots && !signing) throw new NolapseError('no_issuing_ca', 'no issuing CA is in the slot `current`');
  const current = openIssuingCa(dir, passphrase, signing && namedIn(signing));
  const inUse = ({ state }: IssuingSlot): boolean => state === 'former' || state === 'current';
  const others = (slots ?? []).filter((slot) => slot !== signing && inUse(slot)).toReversed();
  const { former, faults } = openFormer(dir, passphrase, others);
  const trust: Trust = { issuers: [trusted(current), ...former.map(trusted)], roots: rootsOf(current, former) };
  return { current, former, faults, trust };
}

/** What is wrong with the issuing CAs of a home, but for the one that signs; a fault of that one is thrown. */
export function faultsOfIssuing(dir: string, passphrase: string | undefined, slots: readonly IssuingSlot[]): string[] {
  const prepared = slots.filter(({ state, certificate }) => state === 'next' && certificate !== null);
  return [...openAll(dir, { passphrase, slots }).faults, ...openFormer(dir, passphrase, prepared).faults];
}

function signerOfLists({ current, former }: Opened, number = current.number): Issuer {
  const found = [current, ...former].find((ca) => ca.number === number);
  if (found?.issuer) return found.issuer;
  throw new NolapseError('authority_unavailable', `the key of issuing CA ${number} cannot be had`);
}

/**
 * Opens the issuing CAs in `dir`; the root's key is neither needed nor read.
 * Fails as {@link openIssuingCa} of the one that signs, and with `invalid_profile`. `issue` refuses with `outlives_issuer` what would be
 * valid for longer than the CA itself (RFC 5280, 6.1), and with `no_validity` what would end before it begins.
 */
export function openLocalAuthority(dir: string, options: LocalOptions): LocalAuthority {
  const profiles = options.profiles ?? loadProfiles();
  let opened = openAll(dir, options);
  const issue = (request: ApprovedRequest, crlUrl?: string): Extract<Issuance, { kind: 'issued' }> => {
    const { issuer, facts, chain, number } = opened.current;
    if (request.notAfter > facts.notAfter) throw new NolapseError('outlives_issuer', 'notAfter is past the issuing CA');
    if (request.notAfter <= request.notBefore) throw new NolapseError('no_validity', 'notAfter is not after notBefore');
    const { principalId, kind, uri, serial, notBefore, notAfter, spki } = request;
    const { crlUrl: ofIssuer, caIssuersUrl } = options.locations(number);
    const certificate = signLeaf(
      {
        serial,
        commonName: principalId,
        notBefore,
        notAfter,
        spki,
        usages: profiles.principals[kind],
        uri,
        locations: { crlUrl: crlUrl ?? ofIssuer, caIssuersUrl },
      },
      issuer,
    );
    return { kind: 'issued', certificate, chain };
  };
  return {
    trust: () => opened.trust,
    issue: (request, crlUrl) => attempt(() => issue(request, crlUrl)),
    signsHere: true,
    certifiesKeys: true,
    signCrl: (request) => attempt(() => signCrl(request, signerOfLists(opened, request.issuer))),
    use: (slots) => {
      opened = openAll(dir, { passphrase: options.passphrase, slots });
    },
    faults: () => opened.faults,
  };
}
