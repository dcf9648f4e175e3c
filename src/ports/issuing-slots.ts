// The slots of issuing CAs as the ledger keeps them. Their keys and certificates are files.
import type { IssuingSlot } from '../domain/issuing-slots.ts';

export interface IssuingSlotReader {
  /** Those in a slot, in order of number. */
  issuingSlots(): Promise<IssuingSlot[]>;
  /** Those that are over, the newest first. */
  endedIssuingSlots(limit: number): Promise<IssuingSlot[]>;
  /** The highest number that was ever given; 0: none. */
  lastIssuingNumber(): Promise<number>;
}

export interface IssuingSlotWriter {
  /**
   * Enters or changes a slot. `lastLeafEnd` counts only where it is new: it is kept with each certificate that enters the ledger. Fails
   * with NolapseError `conflict` where another one below the same root is in the slot `next` or `current`.
   */
  putIssuingSlot(slot: IssuingSlot): Promise<void>;
  /** Forgets the first issuing CA and the first root: their files are gone, and the ledger knows no certificate. */
  forgetFirstCas(): Promise<void>;
  /**
   * Of a ledger from before there could be several: certificates that count as the first issuing CA's and do not have this extension, DER,
   * are another CA's; and the first one's last certificate is found.
   */
  settleFirstIssuer(authorityKeyIdentifier: Uint8Array): Promise<void>;
}
