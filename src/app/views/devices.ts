// Single devices as operations are given them and answer with them: their records, certificates and renewals.

import type { Delegation } from '../../domain/delegation.ts';
import type { PackagedPort } from '../../domain/device-package.ts';
import type {
  CarriedContact,
  Cohort,
  Contact,
  Criticality,
  Encoding,
  KeyMode,
  Principal,
  PrincipalKind,
} from '../../domain/principal.ts';
import type { RenewalRefusal } from '../../domain/refusal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import type { CertificateView } from './certificates.ts';
import type { CutOffView, Dryable, DryRunView, Insistence } from './decisions.ts';

export interface NewDevice extends Insistence {
  readonly id: string;
  readonly owner: string;
  readonly kind?: PrincipalKind;
  readonly class?: string;
  readonly site?: string;
  readonly gateway?: string;
  readonly criticality?: Criticality;
  readonly encoding?: Encoding;
  readonly modes?: readonly KeyMode[];
  /** Bytes of the largest MQTT packet it takes. */
  readonly maxPacket?: number;
  readonly slots?: number;
  readonly cohort?: Cohort;
}

/**
 * What is to change of a record, in the fields of one: absent, it stays; empty (`''`, or no key modes), it is what a record is of which
 * nothing is said.
 */
export interface DeviceChange extends Insistence, Dryable {
  readonly id: string;
  readonly owner?: string;
  readonly class?: string;
  readonly site?: string;
  readonly gateway?: string;
  readonly criticality?: Criticality | '';
  readonly encoding?: Encoding | '';
  readonly modes?: readonly KeyMode[];
  readonly maxPacket?: number | '';
  readonly slots?: number | '';
  readonly cohort?: Cohort | '';
}

/** The record as it is now, and the fields that are others than before, each with what it was; none: it was so already. */
export interface DeviceChangedView extends Principal {
  readonly changed: readonly { readonly field: string; readonly from: string; readonly to: string }[];
  readonly dryRun?: DryRunView;
}

export interface PresenceView {
  readonly here: boolean;
  /** When it came, if it is here; else when it left. */
  readonly since: number;
  /** The gap that 95 of 100 of its gaps do not exceed, and the longest, rounded up; null: it was never seen to come back. */
  readonly comesEveryMs: number | null;
  readonly longestAwayMs: number | null;
}

export interface DeviceView {
  readonly principal: Principal;
  readonly contact: Contact | null;
  /** What was said of a device through each gateway that speaks for it now. */
  readonly carried: readonly CarriedContact[];
  /** Null: it never came since {@link trackedSince}. */
  readonly presence: PresenceView | null;
  /** Since when it is noted who comes and goes; null: no broker has run on this home yet. */
  readonly trackedSince: number | null;
  readonly certificates: readonly CertificateView[];
  readonly renewals: readonly Renewal[];
  /** What those renewals were refused. */
  readonly refusals: readonly RenewalRefusal[];
  /** Of a device, those in force under which gateways act for it; of a gateway, those it holds. */
  readonly delegations: readonly Delegation[];
}

export interface IssuedView {
  readonly certificate: CertificateView;
  /** PEM: the leaf, then its chain. */
  readonly certificatePem: string;
  /** PEM, PKCS#8. Made on request, handed over once, never kept. */
  readonly keyPem: string;
  /** PEM of the roots to trust: the present one, then a next one that devices are told of. */
  readonly rootPem: string;
  /** In the order in which it is to try them. */
  readonly ports: readonly PackagedPort[];
}

export interface DecommissionedView {
  readonly revoked: number;
  readonly cancelled: number;
  readonly delegations: number;
  /** Of a gateway. */
  readonly cutOff?: CutOffView;
  readonly dryRun?: DryRunView;
}

export interface QuarantinedView extends Principal {
  /** Of a gateway that is kept out. */
  readonly cutOff?: CutOffView;
}
