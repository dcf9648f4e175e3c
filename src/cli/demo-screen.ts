// The demo as one screen: a row for each device, with a bar to the end of each certificate that lets it in, and its state in words. Pure:
// what is drawn follows from the ledger and from what the demo has planned.
import type { CertificateView } from '../app/views/certificates.ts';
import type { Renewal } from '../domain/renewal.ts';
import { formatDuration } from '../domain/time.ts';
import type { Member } from '../simulator/fleet.ts';
import type { Ledger, Tally } from './demo-summary.ts';

export interface Scene {
  readonly members: readonly Member[];
  readonly ledger: Ledger;
  readonly counts: Tally;
  readonly isConnected: (id: string) => boolean;
  /** Ids of devices that sleep because the demo has them sleep. */
  readonly asleep: ReadonlySet<string>;
  /** The command that begins every other, as the demo itself was called. */
  readonly command: string;
  readonly home: string;
  readonly logFile: string;
}

/** What the whole width of the bars stands for: the longest life there is in the demo. */
const spanMs = 120_000;
const idWidth = 8;
const wordsWidth = 26;
const leftWidth = 13;
const barLeast = 10;
const barMost = 48;

const upper = '▀';
const lower = '▄';
const both = '█';

/** What lets a device in now, the one that ends last first; when nothing does, what did last. */
interface Held {
  readonly newer: number | null;
  /** Of the certificate before, as long as that is admitted too. */
  readonly older: number | null;
  readonly lastEnd: number | null;
}

function heldBy(certificates: readonly CertificateView[], now: number): Held {
  const ends = certificates
    .filter(({ state }) => state === 'issued' || state === 'active' || state === 'superseded')
    .map(({ notAfter, overlapUntil }) => Math.min(notAfter, overlapUntil ?? notAfter))
    .sort((a, b) => b - a);
  const [newer = null, older = null] = ends.filter((end) => end > now);
  const lastEnd = Math.max(...certificates.map(({ notAfter }) => notAfter));
  return { newer, older, lastEnd: Number.isFinite(lastEnd) ? lastEnd : null };
}

/** One bar for each certificate, the newer above the older, in one line. */
export function bars({ newer, older }: Pick<Held, 'newer' | 'older'>, now: number, width: number): string {
  const cells = (end: number | null): number =>
    end === null ? 0 : Math.min(width, Math.ceil(((end - now) / spanMs) * width));
  const [above, below] = older === null ? [0, cells(newer)] : [cells(newer), cells(older)];
  return Array.from({ length: width }, (_, at) => {
    if (at < above && at < below) return both;
    if (at < above) return upper;
    return at < below ? lower : ' ';
  }).join('');
}

const renewing: Readonly<Partial<Record<Renewal['state'], string>>> = {
  due: 'replacement due',
  offered: 'offered a replacement',
  requested: 'asked for it',
  issued: 'certificate on its way',
  delivered: 'certificate delivered',
  installed: 'installed, tries it next',
  activated: 'overlap: both let it in',
  failed: 'failed, offered again',
};

function wordsFor(scene: Scene, { id, part }: Member, held: Held, renewal: Renewal | undefined): string {
  const { ledger, isConnected, asleep } = scene;
  const device = ledger.devices.find((each) => each.id === id);
  if (!device || held.lastEnd === null) return 'to come';
  if (device.status === 'decommissioned') return 'decommissioned as planned';
  if (asleep.has(id)) return held.newer === null ? 'ended in sleep, as planned' : 'asleep, as planned';
  if (held.newer === null) return part === 'sleeper' ? 'back, may renew' : 'LAPSED';
  if (renewal?.state === 'activated') return renewing.activated ?? '';
  if (!isConnected(id)) return 'reconnecting';
  return (renewal && renewing[renewal.state]) ?? 'in use';
}

function leftFor({ newer, lastEnd }: Held, now: number): string {
  if (newer !== null) return `${formatDuration(Math.max(1_000, newer - now))} left`;
  return lastEnd === null ? '' : `ended ${formatDuration(Math.max(1_000, now - lastEnd))} ago`;
}

interface Layout {
  readonly width: number;
  /** Is there room for the time left, in numbers? */
  readonly isWide: boolean;
}

function layoutFor(columns: number): Layout {
  const isWide = columns >= 80;
  const others = idWidth + wordsWidth + (isWide ? leftWidth + 2 : 0) + 4 + 12;
  return { isWide, width: Math.max(barLeast, Math.min(barMost, columns - others)) };
}

function row(scene: Scene, member: Member, { width, isWide }: Layout): string {
  const { ledger } = scene;
  const own = ledger.certificates.filter(({ principalId }) => principalId === member.id);
  const renewals = ledger.renewals.filter(({ principalId }) => principalId === member.id);
  const isOut = ledger.devices.some(({ id, status }) => id === member.id && status === 'decommissioned');
  const held = isOut ? { newer: null, older: null, lastEnd: null } : heldBy(own, ledger.now);
  const [latest] = renewals.filter(({ state }) => state in renewing);
  const renewed = renewals.filter(({ activatedAt }) => activatedAt !== null).length;
  const words = wordsFor(scene, member, isOut ? heldBy(own, ledger.now) : held, latest);
  return [
    member.id.padEnd(idWidth),
    words.padEnd(wordsWidth),
    bars(held, ledger.now, width),
    ...(isWide ? [leftFor(held, ledger.now).padEnd(leftWidth)] : []),
    renewed > 0 ? `renewed ${renewed}×` : '',
  ]
    .join('  ')
    .trimEnd();
}

/** The line that the demo is there for. */
export function banner({ devices, renewed, lapsed }: Tally): string {
  const names = lapsed.length === 0 ? '' : ` (${lapsed.join(', ')})`;
  return `${devices} devices, ${renewed} renewed, ${lapsed.length} unplanned lapses${names}`;
}

/** @param columns of the terminal. */
export function screen(scene: Scene, columns: number): string {
  const { members, counts, command, home, logFile } = scene;
  const named = (part: Member['part']): string => members.find((each) => each.part === part)?.id ?? 'nobody';
  const layout = layoutFor(columns);
  const gap = ' '.repeat(idWidth + wordsWidth + 4);
  const scale = `now${`${spanMs / 1_000}s`.padStart(layout.width - 3)}`;
  return [
    `  ${banner(counts)}`,
    '',
    `${gap}${scale}`,
    ...members.map((member) => row(scene, member, layout)),
    '',
    `${lower} a certificate   ${both}${upper} two at once: the new one above, the old one below it until it is retired`,
    `planned: ${named('sleeper')} sleeps past the end and comes back; ${named('leaver')} is decommissioned and refused`,
    `look around: ${command} status --home ${home}`,
    `log: ${logFile}`,
  ].join('\n');
}
