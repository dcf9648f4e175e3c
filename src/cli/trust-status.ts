// How `nolapse trust status` and the steps of issuing CAs look in a terminal.
import type { IssuingSlotView, TrustView } from '../app/views/trust.ts';
import { cell, fields, fromNow, moment, plain } from './output.ts';
import { fold, table } from './table.ts';
import { keyWords } from './trust-compromise.ts';
import { rootsWords } from './trust-root.ts';
import { sharesWords } from './trust-shares.ts';

function stateOf({ state, certificate }: IssuingSlotView): string {
  return state === 'next' && certificate === null ? 'asked for' : state;
}

function issuingTable(slots: readonly IssuingSlotView[], now: number): string {
  return table(
    ['ISSUING CA', 'ROOT', 'STATE', 'ENDS', fold('SHA-256')],
    slots.map((slot) => [
      cell(slot.number),
      cell(slot.root),
      stateOf(slot),
      slot.certificate ? fromNow(slot.certificate.notAfter, now) : '-',
      cell(slot.certificate?.fingerprint),
    ]),
  );
}

function deadlinesTable(deadlines: TrustView['deadlines'], now: number): string {
  const rows = deadlines.map(({ subject, endsAt, warnAt, level }) => {
    return [cell(subject), fromNow(endsAt, now), level === 'ok' ? fromNow(warnAt, now) : level];
  });
  return table([fold('WHAT ENDS'), 'WHEN', 'WARNING'], rows);
}

export function statusWords(view: TrustView, now: number): string {
  const { issuing, root, roots, shares, deadlines } = view;
  const unused = issuing.slots.flatMap(({ number, unusedFrom }): [string, string][] =>
    unusedFrom === null ? [] : [[`CA ${number} in use until`, moment(unusedFrom, now)]],
  );
  const rows: [string, string][] = [
    ['next to be prepared', moment(issuing.prepareAt, now)],
    ['next needed', moment(issuing.neededAt, now)],
    ...unused,
    ['approval', issuing.approval],
    ['root ends', moment(root.notAfter, now)],
    ["root's key", root.hasKey ? 'in the home' : 'elsewhere'],
  ];
  if (issuing.asked) rows.push(['to be released', issuing.asked.release]);
  rows.push(['to do', issuing.due ?? 'nothing']);
  const ofIssuing = fields(rows.map(([name, value]) => [name, plain(value)]));
  const parts = [
    deadlinesTable(deadlines, now),
    issuingTable([...issuing.slots, ...issuing.ended], now),
    ofIssuing,
    rootsWords(roots, now),
  ];
  const keys = keyWords(view, now);
  return [...parts, ...(shares ? [sharesWords(shares, now)] : []), ...(keys === '' ? [] : [keys])].join('\n');
}

export function slotWords(slot: IssuingSlotView, now: number): string {
  const { number, root, certificate } = slot;
  return fields([
    ['issuing CA', String(number)],
    ['root', String(root)],
    ['state', stateOf(slot)],
    ['ends', certificate ? moment(certificate.notAfter, now) : '-'],
    ['SHA-256', cell(certificate?.fingerprint)],
  ]);
}

/** Is there something for somebody to do? */
export function isWaiting({ issuing, roots, lost, distrusted }: TrustView): boolean {
  return (
    lost.length > 0 ||
    distrusted.some(({ isInUse }) => isInUse) ||
    issuing.due !== null ||
    issuing.asked !== null ||
    roots.due !== null ||
    roots.asked !== null ||
    roots.withdrawals.length > 0
  );
}
