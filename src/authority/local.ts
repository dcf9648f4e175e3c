// The authority whose keys are files in the home. It signs what was approved, exactly as it was settled, and keeps no
// record: the ledger does.
import { GatewayError } from '../domain/errors.ts';
import { type PrincipalKind, principalKinds } from '../domain/principal.ts';
import type { ApprovedRequest, Profile } from '../domain/request.ts';
import { type Locations, signLeaf } from '../pki/certificate.ts';
import { signCrl } from '../pki/crl.ts';
import { fingerprintOf } from '../pki/fingerprint.ts';
import type { Authority } from '../ports/authority.ts';
import { openIssuingCa } from './issuing-ca.ts';
import { loadProfiles, type Profiles } from './profiles.ts';

export interface LocalOptions extends Locations {
  readonly passphrase?: string | undefined;
  /** Other profiles than those of the package. */
  readonly profiles?: Profiles | undefined;
}

function profileIn(profiles: Profiles, name: string): Profile {
  const kind = principalKinds.find((one): one is PrincipalKind => one === name);
  if (!kind) throw new GatewayError('unknown_profile', `there is no profile ${JSON.stringify(name)} for principals`);
  return profiles.principals[kind];
}

/** Signing in this process fails only when the key or what it signs is broken; the caller may try again. */
async function attempt<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw new GatewayError('authority_unavailable', 'the issuing CA could not sign', error);
  }
}

/**
 * Opens the issuing CA in `dir`; the root's key is neither needed nor read.
 * Fails as {@link openIssuingCa}, and with `invalid_profile`. `issue` refuses with `outlives_issuer` what would be valid for longer
 * than the CA itself (RFC 5280, 6.1), with `no_validity` what would end before it begins, and with `unknown_profile`.
 */
export function openLocalAuthority(dir: string, options: LocalOptions): Authority {
  const profiles = options.profiles ?? loadProfiles();
  const { issuer, facts, chain, root } = openIssuingCa(dir, options.passphrase);
  const issue = (request: ApprovedRequest, crlUrl = options.crlUrl) => {
    if (request.notAfter > facts.notAfter) throw new GatewayError('outlives_issuer', 'notAfter is past the issuing CA');
    if (request.notAfter <= request.notBefore) throw new GatewayError('no_validity', 'notAfter is not after notBefore');
    const { principalId, uri, profile, serial, notBefore, notAfter, spki } = request;
    const der = signLeaf(
      {
        serial,
        commonName: principalId,
        notBefore,
        notAfter,
        spki,
        usages: profileIn(profiles, profile),
        uri,
        locations: { crlUrl, caIssuersUrl: options.caIssuersUrl },
      },
      issuer,
    );
    return { der, fingerprint: fingerprintOf(der) };
  };
  return {
    issuerNotAfter: facts.notAfter,
    chain,
    root,
    profile: (name) => profileIn(profiles, name),
    issue: (request, crlUrl) => attempt(() => issue(request, crlUrl)),
    signCrl: (request) => attempt(() => signCrl(request, issuer)),
  };
}
