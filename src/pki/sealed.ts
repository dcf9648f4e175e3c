// Text that only a passphrase opens, in the form of `openssl enc`, so that nothing but openssl is needed when it counts. What is in it
// has to prove itself: the form says neither who sealed it nor whether it was altered.
import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const deriveKey = promisify(pbkdf2);
const rounds = 600_000;
const magic = Buffer.from('Salted__');
const [saltBytes, keyBytes, ivBytes] = [8, 32, 16];

/** The command that opens it. */
export const openSealedCommand = `openssl enc -d -aes-256-cbc -pbkdf2 -iter ${rounds} -md sha256 -a`;

/**
 * AES-256-CBC with a key from PBKDF2-HMAC-SHA256 (RFC 8018), 600,000 rounds, and a salt of 8 bytes; base64 in lines.
 * {@link openSealedCommand} opens it.
 */
export async function sealWithPassphrase(content: Uint8Array, passphrase: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  const derived = await deriveKey(passphrase, salt, rounds, keyBytes + ivBytes, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', derived.subarray(0, keyBytes), derived.subarray(keyBytes));
  const sealed = Buffer.concat([magic, salt, cipher.update(content), cipher.final()]);
  derived.fill(0);
  return `${sealed.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n`;
}

/** What {@link sealWithPassphrase} made; null: it was sealed with another passphrase, or is not of this form. */
export async function openWithPassphrase(sealed: string, passphrase: string): Promise<Uint8Array | null> {
  const bytes = Buffer.from(sealed, 'base64');
  const at = magic.length + saltBytes;
  if (!bytes.subarray(0, magic.length).equals(magic) || bytes.length <= at) return null;
  const derived = await deriveKey(passphrase, bytes.subarray(magic.length, at), rounds, keyBytes + ivBytes, 'sha256');
  const cipher = createDecipheriv('aes-256-cbc', derived.subarray(0, keyBytes), derived.subarray(keyBytes));
  try {
    return new Uint8Array(Buffer.concat([cipher.update(bytes.subarray(at)), cipher.final()]));
  } catch {
    // The padding does not fit.
    return null;
  } finally {
    derived.fill(0);
  }
}
