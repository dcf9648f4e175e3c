// The shape of each operation's input as it comes over the control socket: strict and bounded. What the values mean is
// judged by the operation itself.
import { z } from 'zod';
import type { OperationName, Operations } from '../app/operations.ts';
import { evidencePartNames } from '../app/oversight/evidence.ts';
import { type RevocationReason, revocationReasons } from '../domain/certificate.ts';
import { keyModes } from '../domain/policy.ts';
import { criticalities, encodings, principalKinds } from '../domain/principal.ts';
import { cohorts } from '../domain/rollout.ts';

const rowsMax = 10_000;

const text = z.string().max(256);
const id = z.string().min(1).max(256);
const limit = z.int().min(1).max(rowsMax);
const nothing = z.strictObject({});
/** Of an operation that takes a file, whose other input comes in the query, as text. */
const inQuery = z.union([z.boolean(), z.stringbool()]);
/** Of a decision that may be refused. */
const insistence = {
  force: z.boolean().exactOptional(),
  reason: text.exactOptional(),
  by: text.exactOptional(),
};
/** Of one that can be shown before it is carried out. */
const dryable = { dryRun: z.boolean().exactOptional() };
/** One of these, or `''`, which empties the field. */
const orEmpty = <T extends string>(values: readonly [T, ...T[]]) =>
  z.enum<['', T, ...T[]]>(['', ...values]).exactOptional();
const wholeOrEmpty = z.union([z.int(), z.literal('')]).exactOptional();
/** A file as it is sent: bounded by whoever reads it. */
const streamed = z.custom<AsyncIterable<Uint8Array>>(
  (value) => typeof value === 'object' && value !== null && Symbol.asyncIterator in value,
  { error: 'expected a body of type application/octet-stream' },
);
const reasons = Object.keys(revocationReasons) as [RevocationReason, ...RevocationReason[]];

const newCampaign = z.strictObject({
  reason: text,
  drill: z.boolean().exactOptional(),
  cohort: text.exactOptional(),
  class: text.exactOptional(),
  site: text.exactOptional(),
  issuedBefore: text.exactOptional(),
  otherIssuer: z.boolean().exactOptional(),
  reasonCode: text.exactOptional(),
  all: z.boolean().exactOptional(),
});

type InputOf<N extends OperationName> =
  Parameters<Operations[N]> extends [(infer Input)?] ? (unknown extends Input ? object : NonNullable<Input>) : object;

export const operationSchemas: { readonly [N in OperationName]: z.ZodType<InputOf<N>> } = {
  addDevice: z.strictObject({
    id,
    owner: text,
    kind: z.enum(principalKinds).exactOptional(),
    class: text.exactOptional(),
    site: text.exactOptional(),
    gateway: text.exactOptional(),
    criticality: z.enum(criticalities).exactOptional(),
    encoding: z.enum(encodings).exactOptional(),
    modes: z.array(z.enum(keyModes)).max(keyModes.length).exactOptional(),
    maxPacket: z.int().exactOptional(),
    slots: z.int().exactOptional(),
    cohort: z.enum(cohorts).exactOptional(),
    ...insistence,
  }),
  importDevices: z.strictObject({
    format: z.enum(['csv', 'jsonl']),
    text: streamed,
    ...insistence,
    force: inQuery.exactOptional(),
    dryRun: inQuery.exactOptional(),
  }),
  setDevice: z.strictObject({
    id,
    owner: text.exactOptional(),
    class: text.exactOptional(),
    site: text.exactOptional(),
    gateway: text.exactOptional(),
    criticality: orEmpty(criticalities),
    encoding: orEmpty(encodings),
    modes: z.array(z.enum(keyModes)).max(keyModes.length).exactOptional(),
    maxPacket: wholeOrEmpty,
    slots: wholeOrEmpty,
    cohort: orEmpty(cohorts),
    ...insistence,
    ...dryable,
  }),
  listDevices: z.strictObject({
    status: text.exactOptional(),
    kind: text.exactOptional(),
    site: text.exactOptional(),
    owner: text.exactOptional(),
    source: text.exactOptional(),
    after: text.exactOptional(),
    limit: limit.exactOptional(),
  }),
  showDevice: z.strictObject({ id }),
  issueDevice: z.strictObject({ id, rsaBits: z.literal([2_048, 3_072, 4_096]).optional() }),
  decommissionDevice: z.strictObject({ id, reason: text.exactOptional(), ...dryable }),
  quarantineDevice: z.strictObject({ id, release: z.boolean().exactOptional() }),
  addDelegation: z.strictObject({
    gateway: id,
    devices: z.array(id).max(rowsMax).exactOptional(),
    site: text.exactOptional(),
    modes: z.array(text).max(keyModes.length),
    until: text,
    daily: z.number(),
    telemetry: z.boolean().exactOptional(),
    ...dryable,
  }),
  listDelegations: z.strictObject({ gateway: id.exactOptional(), limit: limit.exactOptional() }),
  revokeDelegation: z.strictObject({ id, ...dryable }),
  listRenewals: z.strictObject({
    device: text.exactOptional(),
    state: text.exactOptional(),
    limit: limit.exactOptional(),
  }),
  showRenewal: z.strictObject({ id }),
  runRenewal: z.strictObject({ device: id }),
  listCertificates: z.strictObject({
    device: text.exactOptional(),
    state: text.exactOptional(),
    after: text.exactOptional(),
    limit: limit.exactOptional(),
  }),
  importCertificates: z.strictObject({
    kind: z.enum(principalKinds).exactOptional(),
    skipFaulty: inQuery.exactOptional(),
    dryRun: inQuery.exactOptional(),
    text: streamed,
    ...insistence,
    force: inQuery.exactOptional(),
  }),
  showCertificate: z.strictObject({ id }),
  revokeCertificate: z.strictObject({ id, reason: z.enum(reasons).exactOptional(), ...dryable }),
  listSources: nothing,
  reconcile: z.strictObject({
    source: text,
    ...dryable,
    acceptLoss: z.boolean().exactOptional(),
    takeOver: z.boolean().exactOptional(),
    takeOverFrom: text.exactOptional(),
    ...insistence,
    limit: limit.exactOptional(),
  }),
  listFindings: z.strictObject({
    kind: text.exactOptional(),
    after: text.exactOptional(),
    limit: limit.exactOptional(),
  }),
  listAlerts: z.strictObject({
    kind: text.exactOptional(),
    open: z.boolean().exactOptional(),
    limit: limit.exactOptional(),
  }),
  showAlert: z.strictObject({ kind: text, subject: text }),
  acknowledgeAlert: z.strictObject({ kind: text, subject: text, by: text }),
  clearAlert: z.strictObject({ kind: text, subject: text }),
  lookOver: nothing,
  lookedOver: nothing,
  crl: nothing,
  forecast: z.strictObject({
    days: z.number().exactOptional(),
    asOf: text.exactOptional(),
    owner: text.exactOptional(),
    site: text.exactOptional(),
    limit: limit.exactOptional(),
  }),
  evidence: z.strictObject({
    framework: text,
    from: text,
    to: text,
    controls: z.array(text).max(100).exactOptional(),
    after: z
      .strictObject({ part: z.enum(evidencePartNames), key: z.string().max(1_024), until: z.int() })
      .exactOptional(),
  }),
  listPolicies: nothing,
  explainPolicy: z.strictObject({ id }),
  reload: z.strictObject({ ...dryable, ...insistence }),
  previewCampaign: newCampaign,
  startCampaign: newCampaign,
  listCampaigns: z.strictObject({ limit: limit.exactOptional() }),
  showCampaign: z.strictObject({ id }),
  pauseCampaign: z.strictObject({ id }),
  resumeCampaign: z.strictObject({ id }),
  abortCampaign: z.strictObject({ id }),
  fleet: nothing,
  copyLedger: z.strictObject({ file: z.string().min(1).max(4_096) }),
  doctor: nothing,
};

/** Operations that take a file: its bytes are the body, what else they take is in the query. */
const streamedOperations: ReadonlySet<OperationName> = new Set<OperationName>(['importDevices', 'importCertificates']);

export function isStreamed(name: OperationName): boolean {
  return streamedOperations.has(name);
}

export function isOperation(name: string): name is OperationName {
  return Object.hasOwn(operationSchemas, name);
}
