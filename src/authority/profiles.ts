// Reads the certificate profiles (certs/*.yaml): what a certificate of each purpose may be. Every fault is named by file
// and path, all of them together; nothing about a principal or a request is decided here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { NolapseError } from '../domain/errors.ts';
import type { PrincipalKind } from '../domain/principal.ts';
import type { Profile } from '../domain/request.ts';
import { parseDuration } from '../domain/time.ts';

/** A profile of the broker's own certificates, made here with the first of its keys. Durations in milliseconds. */
export interface OwnProfile extends Profile {
  readonly lifetimeMs: number;
  readonly backdateMs: number;
}

export interface CaProfile extends OwnProfile {
  /** How many CAs may follow below; null: any number. */
  readonly pathLength: number | null;
}

interface IssuingProfile extends CaProfile {
  /** From a CRL's thisUpdate to its nextUpdate. */
  readonly crlLifetimeMs: number;
}

export interface Profiles {
  readonly root: CaProfile;
  readonly issuing: IssuingProfile;
  readonly server: OwnProfile;
  readonly principals: Readonly<Record<PrincipalKind, Profile>>;
}

/** The profiles that come with the package; the same folder from src/ and from dist/. */
const packagedProfiles = fileURLToPath(new URL('../../certs/', import.meta.url));

const rsaBitsFloor = 2_048;
const rsaBitsCeiling = 8_192;

const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== null && ms > 0) return ms;
  context.addIssue({ code: 'custom', message: 'not a duration such as 12h, 90d or 5y' });
  return z.NEVER;
});

const usages = {
  keyUsage: z.array(z.enum(['digitalSignature', 'keyEncipherment', 'keyAgreement', 'keyCertSign', 'cRLSign'])).min(1),
  extendedKeyUsage: z.array(z.enum(['clientAuth', 'serverAuth'])).min(1),
};
const rsaBits = z.int().min(rsaBitsFloor).max(rsaBitsCeiling);

const principalSchema = z
  .strictObject({
    ...usages,
    keys: z.array(z.enum(['ec-p256', 'ec-p384', 'rsa'])).min(1),
    rsaBits: z.strictObject({ min: rsaBits, max: rsaBits }).optional(),
  })
  .refine(({ keys, rsaBits: bits }) => !keys.includes('rsa') || bits !== undefined, {
    path: ['rsaBits'],
    message: 'needed where rsa is allowed',
  })
  .transform(({ rsaBits: bits, ...rest }) => ({ ...rest, rsaBitsMin: bits?.min ?? 0, rsaBitsMax: bits?.max ?? 0 }));

const own = {
  keys: z.array(z.enum(['ec-p256', 'ec-p384'])).min(1),
  lifetime: duration,
  backdate: duration,
};
const serverSchema = z.strictObject({ ...usages, ...own });
const pathLength = z.int().min(0).max(4);
const caSchema = z.strictObject({ ...own, keyUsage: usages.keyUsage, pathLength: pathLength.optional() });
const issuingSchema = caSchema.extend({ pathLength, crlLifetime: duration });

const noRsa = { rsaBitsMin: 0, rsaBitsMax: 0 };

function readProfile<T>(directory: string, name: string, schema: z.ZodType<T>, faults: string[]): T | null {
  const file = join(directory, `${name}.yaml`);
  try {
    const result = schema.safeParse(parse(readFileSync(file, 'utf8')));
    if (result.success) return result.data;
    for (const issue of result.error.issues)
      faults.push(`${file}: ${issue.path.join('.') || 'file'}: ${issue.message}`);
  } catch (error) {
    faults.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return null;
}

/** Reads every profile. Fails with NolapseError `invalid_profile`, which names all faults. */
export function loadProfiles(directory: string = packagedProfiles): Profiles {
  const faults: string[] = [];
  const principal = (name: PrincipalKind) => readProfile(directory, name, principalSchema, faults);
  const root = readProfile(directory, 'root', caSchema, faults);
  const issuing = readProfile(directory, 'issuing', issuingSchema, faults);
  const server = readProfile(directory, 'server', serverSchema, faults);
  const [device, gateway, service] = [principal('device'), principal('gateway'), principal('service')];
  if (!root || !issuing || !server || !device || !gateway || !service) {
    throw new NolapseError('invalid_profile', faults.join('; '));
  }
  const ca = ({ lifetime, backdate, ...rest }: z.infer<typeof caSchema>) => ({
    ...rest,
    pathLength: rest.pathLength ?? null,
    ...noRsa,
    extendedKeyUsage: [],
    lifetimeMs: lifetime,
    backdateMs: backdate,
  });
  const { crlLifetime, ...issuingCa } = issuing;
  const { lifetime, backdate, ...serverRest } = server;
  return {
    root: { name: 'root', ...ca(root) },
    issuing: { name: 'issuing', ...ca(issuingCa), crlLifetimeMs: crlLifetime },
    server: { name: 'server', ...serverRest, ...noRsa, lifetimeMs: lifetime, backdateMs: backdate },
    principals: {
      device: { name: 'device', ...device },
      gateway: { name: 'gateway', ...gateway },
      service: { name: 'service', ...service },
    },
  };
}
