// One line of the file of issued certificates: a change of the ledger as JSON, with a number and a code that only the ledger can make.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import {
  certificateStates,
  isForeign,
  type LedgerEntry,
  type RevocationReason,
  revocationReasons,
  type Serial,
} from '../domain/certificate.ts';
import type { LedgerChange } from '../domain/issued-record.ts';
import { firstIssuer } from '../domain/issuing-slots.ts';
import { type Principal, parsePrincipalId, principalKinds, principalStatuses } from '../domain/principal.ts';
import { fingerprintOf } from '../pki/fingerprint.ts';

const instant = z.int().nullable();
const hex = z.string().regex(/^[0-9a-f]{64}$/);
const id = z.string().refine((text) => parsePrincipalId(text) !== null);
const reasons = Object.keys(revocationReasons) as [RevocationReason, ...RevocationReason[]];

const certificateShape = z.strictObject({
  fingerprint: hex,
  serial: z.string().max(128),
  principal: id,
  state: z.enum(certificateStates),
  notBefore: z.int(),
  notAfter: z.int(),
  keyFingerprint: hex,
  /** Absent in lines from before there could be several. */
  issuer: z.int().min(1).nullable().exactOptional(),
  /** Absent where an earlier line has it. */
  der: z.base64().exactOptional(),
  renewal: z.string().max(128).nullable(),
  issuedAt: z.int(),
  activatedAt: instant,
  lastSeenAt: instant,
  renewAt: instant,
  overlapUntil: instant,
  revokedAt: instant,
  reason: z.enum(reasons).nullable(),
});
const principalShape = z.looseObject({ id, kind: z.enum(principalKinds), status: z.enum(principalStatuses) });

const lineShape = z.strictObject({
  n: z.int().min(1),
  at: z.int(),
  change: z.enum(['issued', 'state', 'principal']),
  certificate: certificateShape.nullable(),
  principal: principalShape.nullable(),
});

export interface NumberedChange {
  readonly n: number;
  readonly at: number;
  readonly change: LedgerChange;
}

function codeOf(key: Uint8Array, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

export function encodeLine(key: Uint8Array, { n, at, change }: NumberedChange): string {
  const { kind, certificate: entry, principal } = change;
  const certificate = entry && {
    fingerprint: entry.fingerprint,
    serial: entry.serial,
    principal: entry.principalId,
    state: entry.state,
    notBefore: entry.notBefore,
    notAfter: entry.notAfter,
    keyFingerprint: entry.keyFingerprint,
    issuer: entry.issuer,
    ...(kind === 'issued' && { der: Buffer.from(entry.der).toString('base64') }),
    renewal: entry.renewalId,
    issuedAt: entry.issuedAt,
    activatedAt: entry.activatedAt,
    lastSeenAt: entry.lastSeenAt,
    renewAt: entry.renewAt,
    overlapUntil: entry.overlapUntil,
    revokedAt: entry.revokedAt,
    reason: entry.revocationReason,
  };
  const text = JSON.stringify({ n, at, change: kind, certificate, principal });
  return `${text.slice(0, -1)},"code":"${codeOf(key, text)}"}\n`;
}

/** @returns null where it is not a whole line of this ledger. */
export function decodeLine(key: Uint8Array, line: string): NumberedChange | null {
  const [, body, code] = /^(\{.*),"code":"([0-9a-f]{64})"\}$/.exec(line) ?? [];
  if (body === undefined || code === undefined) return null;
  const text = `${body}}`;
  if (!timingSafeEqual(Buffer.from(code), Buffer.from(codeOf(key, text)))) return null;
  const parsed = lineShape.safeParse(JSON.parse(text));
  if (!parsed.success) return null;
  const { n, at, change: kind, certificate, principal } = parsed.data;
  const entry = certificate && entryOf(certificate);
  if (entry && kind === 'issued' && fingerprintOf(entry.der) !== entry.fingerprint) return null;
  return { n, at, change: { kind, certificate: entry, principal: principal as Principal | null } };
}

function entryOf({
  principal,
  reason,
  renewal,
  issuer,
  der = '',
  ...rest
}: z.infer<typeof certificateShape>): LedgerEntry {
  return {
    ...rest,
    issuer: issuer === undefined ? (isForeign({ serial: rest.serial as Serial }) ? null : firstIssuer) : issuer,
    principalId: principal,
    renewalId: renewal,
    revocationReason: reason,
    der: new Uint8Array(Buffer.from(der, 'base64')),
  } as LedgerEntry;
}
