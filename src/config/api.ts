// How the HTTP API is configured: where it listens, with whose certificate, under which names, and what bounds it.
import { isIP } from 'node:net';
import { z } from 'zod';
import { filePath } from './remote.ts';
import { duration, host, second, serverName, whole } from './values.ts';

const kinds = ['own', 'files', 'none'] as const;
const approvals = ['one', 'two'] as const;

export const apiSchema = z
  .strictObject({
    host,
    port: whole(8443, 0, 65_535),
    tls: z.enum(kinds, { error: `expected one of ${kinds.join(', ')}` }).prefault('own'),
    certificate: filePath.optional(),
    key: filePath.optional(),
    names: z.array(serverName).max(100).prefault([]),
    requestsPerSecond: whole(50, 1, 10_000),
    streams: whole(100, 1, 10_000),
    connections: whole(500, 10, 10_000),
    session: duration('12h', 60 * second, 7 * 86_400 * second),
    approval: z.enum(approvals, { error: `expected one of ${approvals.join(', ')}` }).prefault('one'),
    approvalAbove: whole(100, 0, 10_000_000),
  })
  .optional();

type RawApi = NonNullable<z.output<typeof apiSchema>>;

export type ApiTls =
  | { readonly kind: 'own' | 'none' }
  /** Absolute paths of PEM files: the chain, leaf first, and its key. */
  | { readonly kind: 'files'; readonly certificate: string; readonly key: string };

export interface ApiConfig {
  readonly host: string;
  readonly port: number;
  readonly tls: ApiTls;
  /** Beside the names of the server. */
  readonly names: readonly string[];
  readonly requestsPerSecond: number;
  readonly streams: number;
  readonly connections: number;
  readonly sessionMs: number;
  /** Null: one operator is enough for everything. */
  readonly approval: { readonly campaignAbove: number } | null;
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

interface ApiFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** What does not go together. */
export function apiFaults(raw: RawApi | undefined): ApiFault[] {
  if (!raw) return [];
  const faults: ApiFault[] = [];
  if (raw.tls === 'none' && !isLoopback(raw.host)) {
    faults.push({
      path: ['api', 'tls'],
      message: 'none is for a loopback address alone: tokens would be seen by others',
    });
  }
  for (const key of ['certificate', 'key'] as const) {
    const isGiven = raw[key] !== undefined;
    if (raw.tls === 'files' && !isGiven) faults.push({ path: ['api', key], message: 'needed where tls is files' });
    if (raw.tls !== 'files' && isGiven) faults.push({ path: ['api', key], message: 'counts only where tls is files' });
  }
  return faults;
}

export function settleApi(raw: RawApi, resolve: (path: string) => string): ApiConfig {
  const { tls, certificate, key, session, approval, approvalAbove, ...rest } = raw;
  return {
    ...rest,
    tls:
      tls === 'files' && certificate !== undefined && key !== undefined
        ? { kind: tls, certificate: resolve(certificate), key: resolve(key) }
        : { kind: tls === 'none' ? 'none' : 'own' },
    sessionMs: session,
    approval: approval === 'two' ? { campaignAbove: approvalAbove } : null,
  };
}
