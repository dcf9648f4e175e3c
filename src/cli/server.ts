// Where a command's operations are that is carried out on another machine, and with what it opens them.
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { OperationError } from '../app/operation-error.ts';
import type { Operations } from '../app/operator/operate.ts';
import { NolapseError } from '../domain/errors.ts';
import { remoteOperations } from '../http/api/client.ts';
import { readSecret } from '../remote/secret.ts';

interface ServerOptions {
  readonly server: string;
  readonly home: string;
  readonly ca?: string;
  readonly tokenFile?: string;
  readonly by?: string;
  readonly reason?: string;
}

const tokenVariable = 'NOLAPSE_TOKEN';

function isLoopback({ hostname }: URL): boolean {
  const name = hostname.replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/** Fails with NolapseError `bad_server`. */
function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isBare = url && `${url.pathname}${url.search}${url.hash}${url.username}${url.password}` === '/';
  if (!url || !isBare || !/^https?:$/.test(url.protocol)) {
    throw new NolapseError('bad_server', '--server: expected a URL such as https://mqtt.example.net:8443');
  }
  if (url.protocol === 'http:' && !isLoopback(url)) {
    throw new NolapseError('bad_server', '--server: http would show the token to others; use https');
  }
  return url;
}

/** PEM: the file that is named, or the root of the home on this machine. Fails with NolapseError `bad_server`. */
function caOf({ ca, home }: ServerOptions): string {
  const own = join(resolve(home), 'pki', 'root.crt');
  const file = ca ?? (existsSync(own) ? own : null);
  if (file === null) {
    throw new NolapseError('bad_server', '--ca: name the file with the root that the server is verified with (ca.crt)');
  }
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new NolapseError(
      'bad_server',
      `--ca: ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`,
      error,
    );
  }
}

/** Fails with NolapseError `bad_token`. */
async function tokenOf({ tokenFile }: ServerOptions, env: NodeJS.ProcessEnv): Promise<string> {
  const named = env[tokenVariable];
  if (tokenFile !== undefined && named !== undefined) {
    throw new NolapseError('bad_token', `both --token-file and ${tokenVariable} are given: give one`);
  }
  if (tokenFile !== undefined) {
    const read = await readSecret(tokenFile);
    if ('fault' in read) throw new NolapseError('bad_token', `--token-file: ${read.fault}`);
    return read.text;
  }
  const token = named?.trim() ?? '';
  if (/^[\x21-\x7e]{1,200}$/.test(token)) return token;
  throw new NolapseError('bad_token', `--server takes a token: in ${tokenVariable}, or in a file with --token-file`);
}

/** The operations of the server that the options name. Fails with a NolapseError, or an OperationError for what only this machine knows. */
export async function connectServer(options: ServerOptions, env: NodeJS.ProcessEnv): Promise<Operations> {
  if (options.by !== undefined) {
    throw new OperationError('invalid', ['--by: with --server the token says who does it']);
  }
  const url = urlOf(options.server);
  const ca = url.protocol === 'https:' ? caOf(options) : null;
  const token = await tokenOf(options, env);
  return remoteOperations({ url, ca, token, reason: options.reason?.trim() || null });
}
