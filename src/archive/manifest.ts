// What a backup is: the bytes of the ledger, a manifest in JSON behind them, and a last line that says where the manifest begins and
// what its digest is. The manifest has the digest of the ledger, and the other files of the home whole.
import { createHash } from 'node:crypto';
import { z } from 'zod';

/** Bytes of the manifest: a PKI has some kilobytes. */
export const manifestBytesMax = 16 * 1_048_576;

const digest = z.string().regex(/^[0-9a-f]{64}$/);

const manifestSchema = z.strictObject({
  format: z.literal(1),
  /** Unix time in milliseconds at which the copy of the ledger was complete. */
  madeAt: z.int(),
  /** Of the nolapse that made it. */
  version: z.string().max(64),
  ledger: z.strictObject({ bytes: z.int().min(1), sha256: digest, schema: z.int().min(1) }),
  /** Are all private keys in it encrypted? */
  keys: z.enum(['encrypted', 'clear']),
  files: z
    .array(
      z.strictObject({
        // A name in the PKI's folder, or the configuration: none that leads anywhere else.
        name: z.string().regex(/^(pki\/[A-Za-z0-9][A-Za-z0-9._-]{0,63}|nolapse\.yaml)$/),
        mode: z.union([z.literal(0o600), z.literal(0o644)]),
        sha256: digest,
        content: z.base64(),
      }),
    )
    .max(64),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type ArchivedFile = Manifest['files'][number];

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const lastLine = /^nolapse-backup 1 (\d{10}) ([0-9a-f]{64})\n$/;
/** Bytes of the last line. */
export const lastLineBytes = 'nolapse-backup 1 '.length + 10 + 1 + 64 + 1;

/** The manifest and the last line, as they stand behind the ledger. */
export function encodeManifest(manifest: Manifest): Buffer {
  const body = Buffer.from(`\n${JSON.stringify(manifest)}\n`);
  return Buffer.concat([
    body,
    Buffer.from(`nolapse-backup 1 ${String(body.length).padStart(10, '0')} ${sha256(body)}\n`),
  ]);
}

/** Reads the last line. @returns null where it is none: the file is something else, or was cut off. */
export function readLastLine(bytes: Uint8Array): { readonly bytes: number; readonly sha256: string } | null {
  const [, length, sha] = lastLine.exec(Buffer.from(bytes).toString('latin1')) ?? [];
  return length === undefined || sha === undefined ? null : { bytes: Number(length), sha256: sha };
}

/** Reads a manifest whose digest is right. @returns what is wrong with it where something is. */
export function readManifest(body: Uint8Array): Manifest | { readonly fault: string } {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return { fault: 'its manifest is not JSON' };
  }
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { fault: `its manifest is not one this nolapse reads: ${issue?.path.join('.')}: ${issue?.message}` };
  }
  const damaged = parsed.data.files.find((file) => sha256(Buffer.from(file.content, 'base64')) !== file.sha256);
  return damaged ? { fault: `${damaged.name} in it differs from its SHA-256` } : parsed.data;
}
