// What a home is opened with, and what of it the PKI's files are made with.
import { randomBytes } from 'node:crypto';
import type { Named } from '../authority/issuing-ca.ts';
import type { Profiles } from '../authority/profiles.ts';
import type { ServerOptions } from '../authority/server-certificate.ts';
import type { Config } from '../config/index.ts';
import type { LogState } from '../domain/machine.ts';
import { crlPath, issuerPath } from '../http/public-path.ts';
import type { Locations } from '../pki/certificate.ts';
import type { Authority } from '../ports/authority.ts';
import type { Clock, Entropy } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import type { Log } from '../telemetry/log.ts';

export const systemEntropy: Entropy = { bytes: (length) => randomBytes(length) };

/** What a home is opened with. Time and chance are the system's unless a test says otherwise. */
export interface HomeOptions {
  readonly home: string;
  readonly config: Config;
  /** Of the PKI's key files; null or absent: they are in the clear. */
  readonly passphrase?: string | null;
  readonly log: Log;
  /** How what is logged gets out. Absent: nobody watches it. */
  readonly logState?: () => LogState;
  readonly clock?: Pick<Clock, 'now'> & Partial<Clock>;
  readonly entropy?: Entropy;
  /** Reads the configuration as it is now. Throws a ConfigError. Absent: it cannot be read anew. */
  readonly readConfig?: () => Config;
  /** What stands between the application and the authority: one that fails on command, say. */
  readonly throughAuthority?: (authority: Authority) => Authority;
  /** What stands between the application and its store: one that runs every unit of work twice, say. */
  readonly throughStore?: (store: Store) => Store;
  /** May a ledger be begun beside a PKI that is there? */
  readonly newLedger?: boolean;
  /** Makes the PKI of a new home with RSA keys of so many bits; absent: P-256. */
  readonly rsaBits?: number;
  /** Other certificate profiles than those of the package. */
  readonly profiles?: Profiles;
}

export function clockOf({ clock }: HomeOptions): Clock {
  return { now: () => clock?.now() ?? Date.now(), steady: () => clock?.steady?.() ?? performance.now() };
}

/** Where certificates of the issuing CA with this number say that more is found. */
export function locationsOf({ http }: Config): (issuer: number) => Locations {
  return (issuer) => ({ crlUrl: http.publicUrl + crlPath(issuer), caIssuersUrl: http.publicUrl + issuerPath(issuer) });
}

/** @param issuing the issuing CA that signs; absent: the first. */
export function pkiOptions(options: HomeOptions, issuing: Named | null = null): ServerOptions {
  const { config, passphrase, profiles, entropy = systemEntropy } = options;
  return {
    now: clockOf(options).now(),
    names: config.server.names,
    entropy,
    ...(passphrase != null && { passphrase }),
    ...(profiles && { profiles }),
    ...(issuing && { issuing }),
    ...(options.rsaBits !== undefined && { rsaBits: options.rsaBits }),
  };
}
