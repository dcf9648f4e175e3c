// When each rule has a device renew. What it may know is what a gateway knows: the certificate, and how the device came so far.
import { dueByGaps, type GapRecord, gapsOf, withVisit } from '../../domain/presence.ts';
import { day } from './world.ts';

interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Schedule {
  readonly name: string;
  /** A device that begins: forgets what the one before it did. */
  begin(): void;
  /** The device, which had stayed that long, came back after a gap. */
  came(gapMs: number, stayedMs: number): void;
  /** When its certificate is to be replaced. */
  due(certificate: Validity): number;
}

const nothing = (): void => undefined;
const shareOf = ({ notBefore, notAfter }: Validity, share: number): number =>
  notBefore + (notAfter - notBefore) * share;

/** A fixed time before the end. */
export const thirtyDays: Schedule = {
  name: '30 days before the end',
  begin: nothing,
  came: nothing,
  due: ({ notAfter }) => notAfter - 30 * day,
};

/** A share of the lifetime. */
export const twoThirds: Schedule = {
  name: 'two thirds of life',
  begin: nothing,
  came: nothing,
  due: (certificate) => shareOf(certificate, 2 / 3),
};

/** The gateway's own: what the policy says, as a share of the lifetime, or earlier by what the device's gaps demand. */
export function byGaps(renewAt: number): Schedule {
  let record: GapRecord = new Uint8Array();
  return {
    name: `observed gaps, renewAt ${renewAt * 100}%`,
    begin: () => {
      record = new Uint8Array();
    },
    came: (gapMs, stayedMs) => {
      record = withVisit(record, gapMs, stayedMs);
    },
    due: (certificate) => dueByGaps(certificate, shareOf(certificate, renewAt), gapsOf(record)),
  };
}
