// What a device is given by hand, whole: what a technician carries to it.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { PackagedPort } from '../../domain/device-package.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import type { RootState } from '../../domain/root-slots.ts';
import type { Instant } from '../../domain/time.ts';
import type { CertificateView } from './certificates.ts';

export interface PackagedRoot {
  readonly number: number;
  readonly state: RootState;
  readonly fingerprint: Fingerprint;
  readonly notAfter: Instant;
  /** DER in base64. */
  readonly base64: string;
}

export interface PackageView {
  readonly id: PrincipalId;
  /** When it was made, in Unix milliseconds: a device without a clock is later than that. */
  readonly madeAt: Instant;
  readonly clientId: string;
  /** Names in the broker's certificate: the device connects to one of them, and sees that the certificate has it. */
  readonly names: readonly string[];
  /** In the order in which they are to be tried. */
  readonly ports: readonly PackagedPort[];
  /** In the order in which the device is to accept them; the last one is the newest. */
  readonly roots: readonly PackagedRoot[];
  readonly certificate: CertificateView;
  /** DER in base64: the certificate, then those above it without a root. */
  readonly chain: readonly string[];
  /** Was it issued for the package? Else the device has it, or had it. */
  readonly isNew: boolean;
  /** PEM, PKCS#8, where it was made for the package: handed over once, never kept. Null: the device has it. */
  readonly keyPem: string | null;
}
