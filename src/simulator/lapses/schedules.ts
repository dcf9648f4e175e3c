// When each rule has a device renew. What it may know is what a broker knows: the certificate, and how the device came so far.
import { dueByGaps, type Gaps } from '../../domain/presence.ts';
import { day } from './world.ts';

interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Schedule {
  readonly name: string;
  /** When the certificate is to be replaced, by what was observed of its device up to now. */
  readonly due: (certificate: Validity, observed: Gaps) => number;
}

const shareOf = ({ notBefore, notAfter }: Validity, share: number): number =>
  notBefore + (notAfter - notBefore) * share;

/** A fixed time before the end. */
export const thirtyDays: Schedule = {
  name: '30 days before the end',
  due: ({ notAfter }) => notAfter - 30 * day,
};

/** A share of the lifetime. */
export const twoThirds: Schedule = {
  name: 'two thirds of life',
  due: (certificate) => shareOf(certificate, 2 / 3),
};

/** The broker's own: what the policy says, as a share of the lifetime, or earlier by what the device's gaps demand. */
export function byGaps(renewAt: number): Schedule {
  return {
    name: `observed gaps, renewAt ${renewAt * 100}%`,
    due: (certificate, observed) => dueByGaps(certificate, shareOf(certificate, renewAt), observed),
  };
}
