// The one schema of the configuration: every key, its range and its default as a person would write it. It reads values
// only; files, variables and the checks between keys are elsewhere.
import { isIP } from 'node:net';
import { z } from 'zod';
import { delegatedLevel } from '../domain/acl.ts';
import type { Network } from '../domain/address-block.ts';
import { criticalities, keyModes, principalIdLengthMax } from '../domain/principal.ts';
import { parseDuration, parseSpan } from '../domain/time.ts';
import { isFilter, isReserved, reservedRoots } from '../domain/topics.ts';
import { alertsSchema } from './alerts.ts';
import { apiSchema } from './api.ts';
import { authoritySchema } from './authority.ts';
import { sourceSchema } from './sources.ts';
import {
  chosenName,
  day,
  duration,
  durationRule,
  host,
  principalName,
  second,
  serverName,
  share,
  spanRule,
  whole,
} from './values.ts';

const portRule = 'expected a whole number from 1 to 65535';
const port = (fallback: number) => whole(fallback, 0, 65_535);

/** One that devices are told: it stays the same over a restart. */
const knownPort = z.int({ error: portRule }).min(1, { error: portRule }).max(65_535, { error: portRule });

const urlRule = 'expected an http or https URL without query or fragment';
function isPublicUrl(text: string): boolean {
  if (text.length > 1_024 || !URL.canParse(text)) return false;
  const url = new URL(text);
  return /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '' && url.username === '';
}

/** A span kept as written: a class resolves it together with what it inherits. */
const span = z.string({ error: spanRule }).refine((text) => parseSpan(text) !== null, { error: spanRule });

const patternRule = 'expected an MQTT topic filter, in which {id} stands for the principal';
const delegatedRule = `expected ${delegatedLevel} as one whole level, and once`;
function isDelegatedOnce(text: string): boolean {
  const holding = text.split('/').filter((level) => /\{delegated\}/i.test(level));
  return holding.length === 0 || (holding.length === 1 && holding[0] === delegatedLevel);
}

const pattern = z
  .string({ error: patternRule })
  .max(1_024, { error: 'expected at most 1024 characters' })
  .refine((text) => isFilter(text.replaceAll('{id}', 'x'.repeat(principalIdLengthMax))), { error: patternRule })
  // The protocol grants each principal its own enrollment topics; a pattern that granted more would open others' renewals.
  .refine((text) => !text.startsWith('$enroll'), { error: 'enrollment topics are granted by the protocol alone' })
  .refine((text) => !/^\$(share|queue)(\/|$)/.test(text), {
    error: '$share and $queue are reserved: this broker has no shared subscriptions',
  })
  .refine((text) => !/^\$[^/]*\{id\}/.test(text), { error: 'expected a literal first level where it begins with $' })
  .refine(isDelegatedOnce, { error: delegatedRule });
const ownPattern = pattern.refine((text) => !text.includes(delegatedLevel), {
  error: `${delegatedLevel} stands in the lists of site gateways alone`,
});
const listOf = (each: typeof pattern) => z.array(each, { error: 'expected a list of topic filters' }).max(1_000);
const [patterns, ownPatterns] = [listOf(pattern), listOf(ownPattern)];
const publishable = (lists: typeof patterns) =>
  lists.refine((list) => !list.some(isReserved), {
    error: `${reservedRoots.join(', ')} belong to the broker and cannot be published to`,
  });
// A broker's offline queue and retained messages match a root wildcard where a live subscription would not.
const unreserved = (lists: typeof patterns) =>
  lists.refine((list) => !list.some((text) => isReserved(text) && !text.startsWith('$enroll')), {
    error: `${reservedRoots.join(', ')} belong to the broker: no device or site gateway is granted them by a list`,
  });
const deviceSubscribePatterns = unreserved(ownPatterns).refine((list) => !list.some((text) => /^[#+]/.test(text)), {
  error: 'a device must not subscribe to a wildcard at the first level',
});

const template = (publish: typeof patterns, subscribe: typeof patterns) =>
  z.strictObject({ publish: publishable(publish).optional(), subscribe: subscribe.optional() }).prefault({});

/** What a policy has where neither a class nor a criticality says otherwise. */
export const classDefaults = {
  lifetime: '90d',
  // Absences do not grow shorter with lives: `npm run simulate` has what half of a life saves over two thirds of it.
  renewAt: '50%',
  spread: '2%',
  overlap: '7d',
  grace: '30d',
  retryFirst: '0.02%',
  retryMax: '1%',
  backdate: '1h',
  requestsMax: 10,
  keyModes: ['csr', 'recertify'],
  // NIST SP 800-57 part 1, 5.3.6: one to three years for a private signature key.
  keyAgeMax: '730d',
  requireDeviceProof: false,
  activateWithin: '2%',
  expiryWarning: '20%',
  expiryAlarm: '5%',
  overdueAfter: '10%',
} as const;

/** Longer than any device is in service. */
const keyAgeMostMs = 30 * 365 * day;
const keyAgeRule = 'expected a duration such as 90s, 12h or 7d, up to 30y';

const policySchema = z
  .strictObject({
    lifetime: z
      .string({ error: durationRule })
      .refine((text) => parseDuration(text) !== null, { error: durationRule })
      .optional(),
    renewAt: span.optional(),
    spread: span.optional(),
    overlap: span.optional(),
    grace: span.optional(),
    retryFirst: span.optional(),
    retryMax: span.optional(),
    backdate: span.optional(),
    requestsMax: z
      .int({ error: 'expected a whole number from 1 to 1000' })
      .min(1, { error: 'expected a whole number from 1 to 1000' })
      .max(1_000, { error: 'expected a whole number from 1 to 1000' })
      .optional(),
    keyModes: z
      .array(z.enum(keyModes, { error: `expected one of ${keyModes.join(', ')}` }), {
        error: 'expected a list of key modes',
      })
      .min(1, { error: 'expected at least one key mode' })
      .refine((modes) => new Set(modes).size === modes.length, { error: 'a key mode is listed twice' })
      .optional(),
    keyAgeMax: z
      .string({ error: keyAgeRule })
      .refine((text) => (parseDuration(text) ?? Number.POSITIVE_INFINITY) <= keyAgeMostMs, { error: keyAgeRule })
      .optional(),
    requireDeviceProof: z.boolean({ error: 'expected true or false' }).optional(),
    activateWithin: span.optional(),
    expiryWarning: span.optional(),
    expiryAlarm: span.optional(),
    overdueAfter: span.optional(),
  })
  .prefault({});

const addressRule = 'expected an IP address, or a network such as 10.0.0.0/8';
/** Read into what Node's BlockList takes. */
const network = z.string({ error: addressRule }).transform((text, context): Network => {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  const most = family === 'ipv6' ? 128 : 32;
  const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= most);
  if (isIP(address) > 0 && isPrefix && rest.length === 0) return { address, family, prefix: Number(prefix ?? most) };
  context.addIssue({ code: 'custom', message: addressRule });
  return z.NEVER;
});

const limits = z
  .strictObject({
    packetBytes: whole(262_144, 1_024, 268_435_455),
    packetBytesDiscarded: whole(16_777_216, 0, 268_435_455),
    packetBytesBeforeConnect: whole(16_384, 256, 1_048_576),
    packetsPerSecond: whole(10_000, 100, 10_000_000),
    connectionsPerAddress: whole(1_000, 1, 1_000_000),
    connections: whole(20_000, 1, 1_000_000),
    unknownShare: share('50%'),
    handshake: duration('10s', 100, 300 * second),
    connect: duration('10s', 100, 300 * second),
    // An MQTT keepalive has 16 bits of seconds [MQTT-3.1.2-24].
    keepalive: duration('18h', second, 65_535 * second),
    sessionsPerPrincipal: whole(32, 1, 100_000),
    sessionExpiry: duration('30d', second, 3_650 * day),
    queuedMessages: whole(1_000, 0, 1_000_000),
    queuedBytes: whole(1_048_576, 0, 1_073_741_824),
    unreleasedMessages: whole(1_000, 1, 65_535),
    retainedMessages: whole(10_000, 0, 10_000_000),
    retainedBytes: whole(67_108_864, 0, 1_073_741_824),
    retainedMessagesPerPrincipal: whole(1_000, 0, 10_000_000),
    retainedBytesPerPrincipal: whole(1_048_576, 0, 1_073_741_824),
    subscriptions: whole(100, 1, 100_000),
    filterBytes: whole(1_024, 64, 65_535),
    csrBytes: whole(8_192, 512, 65_536),
    offersPerSecond: whole(100, 1, 100_000),
    issuancesPerSecond: whole(100, 1, 100_000),
    announcementsPerSecond: whole(100, 1, 100_000),
  })
  .prefault({});

const approval = z.enum(['required', 'none'], { error: 'expected required or none' });
const aheadRule = 'expected 1 s to 3650 d';
const ahead = z.string({ error: aheadRule }).transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== null && ms >= second && ms <= 3_650 * day) return ms;
  context.addIssue({ code: 'custom', message: aheadRule });
  return z.NEVER;
});

const lifeSpanRule = 'expected a share such as 50%, or a duration of 1 s and more';
const lifeSpan = z.string({ error: lifeSpanRule }).transform((text, context) => {
  const span = parseSpan(text);
  if (span && (span.kind === 'share' || span.ms >= second)) return span;
  context.addIssue({ code: 'custom', message: lifeSpanRule });
  return z.NEVER;
});

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export const configSchema = z.strictObject({
  mqtt: z.strictObject({ host, port: port(8883), nextPort: knownPort.optional() }).prefault({}),
  websocket: z
    .strictObject({
      host,
      port: port(8884),
      path: z
        .string()
        .regex(/^\/[A-Za-z0-9._~/-]{0,255}$/, { error: 'expected a path that begins with /' })
        .prefault('/mqtt'),
    })
    .optional(),
  proxies: z.strictObject({ from: z.array(network).max(1_000).prefault([]) }).prefault({}),
  http: z
    .strictObject({
      host,
      port: port(8880),
      publicUrl: z.string({ error: urlRule }).refine(isPublicUrl, { error: urlRule }).optional(),
    })
    .prefault({}),
  api: apiSchema,
  server: z
    .strictObject({ names: z.array(serverName).min(1).max(100).prefault(['localhost', '127.0.0.1']) })
    .prefault({}),
  classes: z.record(chosenName, policySchema).prefault({}),
  criticalities: z.partialRecord(z.enum(criticalities), policySchema).prefault({}),
  skew: duration('5m', 0, day),
  access: z
    .strictObject({
      device: template(ownPatterns, deviceSubscribePatterns),
      gateway: template(patterns, unreserved(patterns)),
      service: template(ownPatterns, ownPatterns),
      principals: z.record(principalName, template(patterns, patterns)).prefault({}),
    })
    .prefault({}),
  limits,
  bootstrap: z.strictObject({ anchors: z.array(z.string().min(1).max(4_096)).max(100).prefault([]) }).prefault({}),
  issued: z
    .strictObject({
      file: z.string({ error: 'expected a path' }).min(1, { error: 'expected a path' }).max(4_096).optional(),
    })
    .prefault({}),
  journal: z.strictObject({ retention: duration('400d', 3_600 * second, 3_650 * day) }).prefault({}),
  authority: authoritySchema.prefault({}),
  crl: z
    .strictObject({
      validity: duration('7d', 5 * second, 365 * day),
      interval: duration('15m', second, 30 * day),
      shardAbove: whole(20_000, 10, 1_000_000),
    })
    .prefault({}),
  sweep: z.strictObject({ interval: duration('1s', 50, 60 * second), batch: whole(200, 1, 10_000) }).prefault({}),
  trust: z
    .strictObject({
      approval: z
        .strictObject({ root: approval.prefault('required'), issuing: approval.prefault('none') })
        .prefault({}),
      controlPort: knownPort.optional(),
      root: z.strictObject({ prepareAt: lifeSpan.prefault('50%'), warnAhead: lifeSpan.prefault('5%') }).prefault({}),
      issuing: z.strictObject({ prepareAhead: ahead.optional(), activateAhead: ahead.optional() }).prefault({}),
    })
    .prefault({}),
  sources: z.record(chosenName, sourceSchema).prefault({}),
  rollout: z
    .strictObject({
      canaryShare: share('1%'),
      earlyShare: share('9%'),
      activatedShare: share('95%'),
      soak: duration('1d', 0, 365 * day),
      failedShareMax: share('5%'),
      failuresLeast: whole(3, 1, 1_000_000),
    })
    .prefault({}),
  alerts: alertsSchema,
  findings: z.strictObject({ every: duration('1h', second, 30 * day) }).prefault({}),
  log: z.strictObject({ level: z.enum(logLevels).prefault('info') }).prefault({}),
});

export type RawConfig = z.output<typeof configSchema>;
export type RawClasses = RawConfig['classes'];
export type RawCriticalities = RawConfig['criticalities'];
