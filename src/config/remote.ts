// How servers that the broker asks or tells something are written down: where they are, and with what they are approached.
import { isIP } from 'node:net';
import { z } from 'zod';

const urlRule = 'expected an http or https URL without a name, a password or a fragment';
function isRemoteUrl(text: string): boolean {
  if (text.length > 2_048 || !URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && password === '' && hash === '';
}

export const remoteUrl = z.string({ error: urlRule }).refine(isRemoteUrl, { error: urlRule });
export const filePath = z.string().min(1).max(4_096);

const schemeRule = 'expected an authentication scheme such as Bearer';
export const tokenScheme = z
  .string({ error: schemeRule })
  .regex(/^[A-Za-z0-9-]{1,32}$/, { error: schemeRule })
  .prefault('Bearer');

function isLoopback(url: string): boolean {
  const name = new URL(url).hostname.replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/** Would a token that is sent there be seen by others? */
export function isInTheClear(url: string): boolean {
  return url.startsWith('http:') && !isLoopback(url);
}
