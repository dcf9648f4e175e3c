// nolapse cert ...: the ledger, and revocation.
import { type Command, Option } from 'commander';
import type { CertificateView } from '../app/views/certificates.ts';
import { certificateStates, isForeign, type RevocationReason, revocationReasons } from '../domain/certificate.ts';
import { counted } from '../domain/counted.ts';
import { registerCertificateImport } from './certificate-import.ts';
import { cutOffWords } from './delegation.ts';
import { answerWords, type DryRunOptions, dryRunOf, withDryRun } from './dry-run.ts';
import {
  apartOf,
  type CommonOptions,
  remarkIfFull,
  type Surroundings,
  withCommon,
  withLimit,
  withOperations,
} from './invocation.ts';
import { remarkStrangers } from './names.ts';
import { answer, answerList, cell, fields, fromNow, moment, time } from './output.ts';
import { table } from './table.ts';

type ListOptions = CommonOptions & {
  readonly device?: string;
  readonly state?: string;
  readonly after?: string;
  readonly limit: number;
};
type RevokeOptions = CommonOptions & DryRunOptions & { readonly reason?: RevocationReason };

/** Of a serial in a list: enough to name its certificate by, where no other on the list begins alike. */
const serialDigits = 16;

/** Digits of each serial that a list shows, so that no two rows look alike: OpenSSL counts its serials up from one long number. */
export function digitsShown(serials: readonly string[]): number {
  const sorted = [...new Set(serials)].sort();
  const apart = sorted.map((serial, at) => commonLength(serial, sorted[at - 1] ?? '') + 1);
  return Math.max(serialDigits, ...apart);
}

function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length += 1;
  return length;
}

export function certificateTable(certificates: readonly CertificateView[], now: number): string {
  const digits = digitsShown(certificates.map(({ serial }) => serial));
  return table(
    ['SERIAL', 'DEVICE', 'STATE', 'ENDS', 'RENEWAL DUE', 'LAST SEEN'],
    certificates.map((each) => [
      each.serial.slice(0, digits),
      cell(each.principalId),
      each.state,
      time(each.notAfter),
      fromNow(each.renewAt, now),
      fromNow(each.lastSeenAt, now),
    ]),
  );
}

function certificateFields(view: CertificateView, now: number): string {
  return fields([
    ['serial', view.serial],
    ['fingerprint', view.fingerprint],
    ['device', cell(view.principalId)],
    ['issued by', isForeign(view) ? 'another CA' : 'the CA of this broker'],
    ['state', view.state],
    ['begins', moment(view.notBefore, now)],
    ['ends', moment(view.notAfter, now)],
    ['issued', moment(view.issuedAt, now)],
    ['activated', moment(view.activatedAt, now)],
    ['last seen', moment(view.lastSeenAt, now)],
    ['renewal due', moment(view.renewAt, now)],
    ['overlap until', moment(view.overlapUntil, now)],
    ['revoked', moment(view.revokedAt, now)],
    ['reason', cell(view.revocationReason)],
    ['from renewal', cell(view.renewalId)],
    ['key', view.keyFingerprint],
  ]);
}

export function registerCertificate(program: Command, surroundings: Surroundings): void {
  const group = program.command('cert').description('the ledger: every certificate known');
  withLimit(withCommon(group.command('list')))
    .description('list certificates')
    .option('--device <id>', 'of this device')
    .addOption(new Option('--state <state>', 'in this state').choices(certificateStates))
    .option('--after <fingerprint>', 'begin after this one')
    .action(async (options: ListOptions) => {
      const { output, ...query } = apartOf(options);
      const list = await withOperations(surroundings, options, async (each) => {
        const found = await each.listCertificates(query);
        if (found.length === 0) await remarkStrangers(each, { device: query.device });
        return found;
      });
      answerList(output, 'certificates', list, () => certificateTable(list, Date.now()));
      remarkIfFull(list, options.limit, `go on with --after ${list.at(-1)?.fingerprint}`);
    });
  withCommon(group.command('show'))
    .description('show a certificate, with its PEM')
    .argument('<id>', 'serial or fingerprint, in hex, or its first 8 digits and more')
    .action(async (id: string, options: CommonOptions) => {
      const shown = await withOperations(surroundings, options, (each) => each.showCertificate({ id }));
      answer(options.output, shown, () => `${certificateFields(shown.certificate, Date.now())}\n${shown.pem}`);
    });
  registerCertificateImport(group, surroundings);
  withDryRun(withCommon(group.command('revoke')))
    .description('revoke a certificate: its sessions are closed and the CRL lists it')
    .argument('<id>', 'serial or fingerprint, in hex, or its first 8 digits and more')
    .addOption(new Option('--reason <reason>', 'as the CRL will say').choices(Object.keys(revocationReasons)))
    .action(async (id: string, options: RevokeOptions) => {
      const { reason } = options;
      const view = await withOperations(surroundings, options, (each) =>
        each.revokeCertificate({ id, ...(reason !== undefined && { reason }), ...dryRunOf(options) }),
      );
      const beside = `revoked with it: ${counted(view.also, 'other certificate')}`;
      const now = Date.now();
      const lines = [
        certificateFields(view, now).trimEnd(),
        ...(view.also > 0 ? [beside] : []),
        ...(view.cutOff?.first ? [cutOffWords(view.cutOff, now)] : []),
      ];
      answer(options.output, view, () => answerWords(lines, view.dryRun));
    });
}
