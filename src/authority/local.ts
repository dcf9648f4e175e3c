// The authority whose keys are files in the home. It signs what was approved, exactly as it was settled, and keeps no
// record: the ledger does.
import { NolapseError } from '../domain/errors.ts';
import type { ApprovedRequest } from '../domain/request.ts';
import { type Locations, signLeaf } from '../pki/certificate.ts';
import { signCrl } from '../pki/crl.ts';
import type { Authority, Issuance, Trust } from '../ports/authority.ts';
import { openIssuingCa } from './issuing-ca.ts';
import { loadProfiles, type Profiles } from './profiles.ts';

export interface LocalOptions extends Locations {
  readonly passphrase?: string | undefined;
  /** Other profiles than those of the package. */
  readonly profiles?: Profiles | undefined;
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
}

/**
 * Opens the issuing CA in `dir`; the root's key is neither needed nor read.
 * Fails as {@link openIssuingCa}, and with `invalid_profile`. `issue` refuses with `outlives_issuer` what would be valid for longer
 * than the CA itself (RFC 5280, 6.1), and with `no_validity` what would end before it begins.
 */
export function openLocalAuthority(dir: string, options: LocalOptions): LocalAuthority {
  const profiles = options.profiles ?? loadProfiles();
  const { issuer, facts, chain, root } = openIssuingCa(dir, options.passphrase);
  const issue = (request: ApprovedRequest, crlUrl = options.crlUrl) => {
    if (request.notAfter > facts.notAfter) throw new NolapseError('outlives_issuer', 'notAfter is past the issuing CA');
    if (request.notAfter <= request.notBefore) throw new NolapseError('no_validity', 'notAfter is not after notBefore');
    const { principalId, kind, uri, serial, notBefore, notAfter, spki } = request;
    return signLeaf(
      {
        serial,
        commonName: principalId,
        notBefore,
        notAfter,
        spki,
        usages: profiles.principals[kind],
        uri,
        locations: { crlUrl, caIssuersUrl: options.caIssuersUrl },
      },
      issuer,
    );
  };
  const trust: Trust = { issuers: [{ chain, notAfter: facts.notAfter }], roots: [root] };
  return {
    trust: () => trust,
    issue: (request, crlUrl) => attempt(() => ({ kind: 'issued', certificate: issue(request, crlUrl), chain })),
    signsHere: true,
    certifiesKeys: true,
    signCrl: (request) => attempt(() => signCrl(request, issuer)),
  };
}
