// The part of `nolapse trust status` that says how far the fleet is on its way from one root to the next.
import type { CohortShares, ProofsAheadView, SharesView } from '../app/views/trust-shares.ts';
import { formatDuration } from '../domain/time.ts';
import { reasonsOf } from '../domain/trust-late.ts';
import { unprovedReasons } from '../domain/trust-proof.ts';
import { cell, fields, moment } from './output.ts';
import { cut, table } from './table.ts';

/** Cohorts of each kind that are shown. */
const shownMax = 10;

/** A share never rounds up to all of them. */
function shareOf(count: number, all: number): string {
  if (all === 0) return `${count}`;
  return `${count} (${(Math.floor((count * 1_000) / all) / 10).toFixed(1)} %)`;
}

function aheadRows(ahead: ProofsAheadView, { leaves, endsAt }: SharesView, now: number): [string, string][] {
  const { ageMs, neverConnected, onOldPort, nearlyAllAt, allAt, late, reasons } = ahead;
  const when = (at: number | null): string => (at === null ? `not before root ${leaves} ends` : moment(at, now));
  return [
    ['never connected', `${neverConnected}`],
    [`connected last under root ${leaves}`, `${onOldPort}`],
    ['99 % will have proved it', when(nearlyAllAt)],
    ['all will have proved it', when(allAt)],
    [`will not before ${moment(endsAt, now)}`, `${late}`],
    ...reasonsOf(reasons).map(([reason, count]): [string, string] => [`  ${unprovedReasons[reason]}`, `${count}`]),
    ['foreseen', `${formatDuration(ageMs)} ago`],
  ];
}

function cohortRows(what: string, { listed, more }: CohortShares): string[][] {
  const rows = listed.slice(0, shownMax).map(({ name, inService, offered, stored, proved, unproved }) => {
    return [what, cell(name), ...[inService, offered, stored, proved, unproved].map(String)];
  });
  const rest = more + Math.max(0, listed.length - shownMax);
  return rest > 0 ? [...rows, [what, `and ${rest} more`, ...Array.from({ length: 5 }, () => '')]] : rows;
}

export function sharesWords(view: SharesView, now: number): string {
  const { leaves, towards, all, sessionsOnOldPort, controlFailed, ahead, classes, owners, sites } = view;
  const { inService, gating, offered, stored, proved, unproved } = all;
  const rows: [string, string][] = [
    [`root ${towards}`, `takes the place of root ${leaves}`],
    ['in service', `${inService}`],
    ['behind site gateways', `${inService - gating}`],
    ['offered', shareOf(offered, inService)],
    ['stored', shareOf(stored, inService)],
    ['proved', shareOf(proved, inService)],
    ['still to prove it', `${unproved}`],
    [`sessions under root ${leaves}`, `${sessionsOnOldPort}`],
    ['do not verify the broker', `${controlFailed}`],
    ...(ahead ? aheadRows(ahead, view, now) : [['foreseen', 'not yet'] as [string, string]]),
  ];
  const headings = ['COHORT', cut('NAME'), 'IN SERVICE', 'OFFERED', 'STORED', 'PROVED', 'TO PROVE'];
  const cohorts = [...cohortRows('class', classes), ...cohortRows('owner', owners), ...cohortRows('site', sites)];
  return `${fields(rows)}\n${table(headings, cohorts)}`;
}
