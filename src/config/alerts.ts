// Alerts as the configuration has them: for how long they are kept, and who is told of them.
import { z } from 'zod';
import { filePath, isInTheClear, remoteUrl, tokenScheme } from './remote.ts';
import { chosenName, day, duration, second, whole } from './values.ts';

const webhookKinds = ['alertmanager', 'cloudevents'] as const;

const webhookSchema = z.strictObject({
  kind: z.enum(webhookKinds, { error: `expected one of ${webhookKinds.join(', ')}` }).optional(),
  url: remoteUrl.optional(),
  tokenFile: filePath.optional(),
  authorization: tokenScheme,
  caFile: filePath.optional(),
  secretFile: filePath.optional(),
  timeout: duration('10s', 100, 60 * second),
  repeat: duration('1m', second, 3_600 * second),
});

const baseRule = 'expected an http or https URL without a name or a password; {kind} in it stands for the kind';
function isRunbookBase(text: string): boolean {
  if (text.length > 2_048 || /[\s"<>]/.test(text) || !URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  if (!/^https?:$/.test(protocol) || username !== '' || password !== '') return false;
  // `#kind` is added to one that does not say where the kind goes: it has none yet.
  return text.includes('{kind}') || !text.includes('#');
}

export const alertsSchema = z
  .strictObject({
    retention: duration('90d', 3_600 * second, 3_650 * day),
    queue: whole(10_000, 1, 1_000_000),
    mqtt: z.boolean({ error: 'expected true or false' }).prefault(false),
    runbookBase: z.string({ error: baseRule }).refine(isRunbookBase, { error: baseRule }).optional(),
    webhooks: z.record(chosenName, webhookSchema).prefault({}),
  })
  .prefault({});

type RawAlerts = z.output<typeof alertsSchema>;
type RawWebhook = RawAlerts['webhooks'][string];

/** A place that is told of alerts over HTTP. */
export interface WebhookConfig {
  readonly kind: (typeof webhookKinds)[number];
  readonly url: string;
  readonly tokenFile: string | null;
  readonly authorization: string;
  readonly caFile: string | null;
  readonly secretFile: string | null;
  readonly timeoutMs: number;
  readonly repeatMs: number;
}

export interface AlertsConfig {
  readonly retentionMs: number;
  /** What may wait for one sink. */
  readonly queue: number;
  readonly mqtt: boolean;
  /** Where runbooks are read, as a link; null: nowhere but in the package. */
  readonly runbookBase: string | null;
  /** By name. */
  readonly webhooks: ReadonlyMap<string, WebhookConfig>;
}

interface AlertsFault {
  readonly path: readonly string[];
  readonly message: string;
}

function objectTo({ kind, url, tokenFile }: RawWebhook): (readonly [key: string, message: string])[] {
  const complaints: [string, string][] = [];
  if (!kind) complaints.push(['kind', `missing: one of ${webhookKinds.join(', ')}`]);
  if (!url) complaints.push(['url', 'missing: a webhook has one']);
  else if (tokenFile && isInTheClear(url)) complaints.push(['url', 'the token would be sent in the clear: https']);
  else if (kind === 'alertmanager' && new URL(url).search !== '') {
    complaints.push(['url', 'Alertmanager is named without a query: the path of its API is added']);
  }
  return complaints;
}

/** What does not go together; webhooks that are `unreadable` are not judged. */
export function alertsFaults({ webhooks }: RawAlerts, unreadable: ReadonlySet<string>): AlertsFault[] {
  return Object.entries(webhooks)
    .filter(([name]) => !unreadable.has(name))
    .flatMap(([name, webhook]) =>
      objectTo(webhook).map(([key, message]) => ({ path: ['alerts', 'webhooks', name, key], message })),
    );
}

/** @param absolute what a path means that is relative to the configuration file. */
export function settleAlerts(raw: RawAlerts, absolute: (path: string) => string): AlertsConfig {
  const fileOf = (path: string | undefined): string | null => (path === undefined ? null : absolute(path));
  const settled = Object.entries(raw.webhooks).map(([name, webhook]): [string, WebhookConfig] => [
    name,
    {
      kind: webhook.kind ?? 'cloudevents',
      url: webhook.url ?? '',
      tokenFile: fileOf(webhook.tokenFile),
      authorization: webhook.authorization,
      caFile: fileOf(webhook.caFile),
      secretFile: fileOf(webhook.secretFile),
      timeoutMs: webhook.timeout,
      repeatMs: webhook.repeat,
    },
  ]);
  const { retention: retentionMs, queue, mqtt, runbookBase = null } = raw;
  return { retentionMs, queue, mqtt, runbookBase, webhooks: new Map(settled) };
}
