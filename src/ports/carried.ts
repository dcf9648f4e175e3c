// What site gateways say of the devices they speak for, and bring of their requests, as the ledger's store keeps it apart from what the
// devices say themselves; and what each of them was refused.
import type { Fingerprint } from '../domain/certificate.ts';
import type { CarriedContact, PrincipalId } from '../domain/principal.ts';
import type { RenewalRefusal } from '../domain/refusal.ts';
import type { Instant } from '../domain/time.ts';
import type { Upload } from '../domain/upload.ts';

export interface CarriedUpload extends Upload {
  readonly gatewayId: PrincipalId;
}

export interface CarriedReader {
  /** What each site gateway said of this device, in order of their ids. */
  carriedContacts(id: PrincipalId): Promise<CarriedContact[]>;
  /** What has arrived of a request that comes in parts through each site gateway, in order of their ids. */
  carriedUploads(renewalId: string): Promise<CarriedUpload[]>;
  /** The last of each who was refused under this renewal: the device's own first, then those of gateways in order of their ids. */
  refusalsOf(renewalId: string): Promise<RenewalRefusal[]>;
}

export interface CarriedWriter {
  putCarriedContact(contact: CarriedContact): Promise<void>;
  /** Forgets what this gateway said of devices that no delegation of its own names that is in force, `but` left out of account. */
  dropCarriedContacts(gateway: PrincipalId, but: string, now: Instant): Promise<void>;
  putCarriedUpload(renewalId: string, upload: CarriedUpload): Promise<void>;
  dropCarriedUpload(renewalId: string, gateway: PrincipalId): Promise<void>;
  /** Forgets what has arrived of a request, from the device and through every site gateway. */
  dropUploads(renewalId: string): Promise<void>;
  /** The request that this renewal accepted was signed by the key before it. */
  noteSigned(renewalId: string): Promise<void>;
  /** A proof that came through this site gateway showed that the certificate is in use. */
  noteActivatedThrough(fingerprint: Fingerprint, via: PrincipalId): Promise<void>;
  putRefusal(refusal: RenewalRefusal): Promise<void>;
  /** The renewal has moved on: what it was refused before is over. */
  settleRefusals(renewalId: string, at: Instant): Promise<void>;
}
