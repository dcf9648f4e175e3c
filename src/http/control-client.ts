// The operations of a running broker, called over its control socket.
import { type IncomingMessage, request } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { OperationError } from '../app/operation-error.ts';
import { effectOf, type OperationName, operationNames } from '../app/operator/catalog.ts';
import type { Operations } from '../app/operator/operate.ts';
import type { Actor } from '../domain/actor.ts';
import { NolapseError } from '../domain/errors.ts';
import { isOperationCode } from '../domain/operation-codes.ts';
import { actorHeader, sayActor } from './control-actor.ts';
import { controlPath } from './control-path.ts';
import { isAnswering } from './control-socket.ts';

/** Answers are bounded by the operations' own limits; this bounds what a wrong server could send. */
const answerBytesMax = 256 * 1_048_576;
/** A large import takes its time. */
const answerMs = 600_000;

async function readAll(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > answerBytesMax) throw new NolapseError('control_failed', 'the gateway sent more than can be an answer');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function post({ socketPath, actor }: Line, path: string, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      [actorHeader]: sayActor(actor),
    };
    const outgoing = request({ socketPath, path, method: 'POST', headers, agent: false, timeout: answerMs });
    outgoing.once('response', resolve);
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Sends a file as it is read. What its reading fails with, this fails with. */
function upload({ socketPath, actor }: Line, path: string, text: FileInput['text']): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/octet-stream',
      'transfer-encoding': 'chunked',
      [actorHeader]: sayActor(actor),
    };
    const outgoing = request({ socketPath, path, method: 'POST', headers, agent: false, timeout: answerMs });
    outgoing.once('response', resolve);
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', reject);
    const watched = async function* (): AsyncGenerator<Uint8Array> {
      try {
        yield* typeof text === 'string' ? [Buffer.from(text)] : text;
      } catch (error) {
        // Before the request is destroyed for it, which has an error of its own.
        reject(error);
        throw error;
      }
    };
    pipeline(watched(), outgoing).catch(() => undefined);
  });
}

/** Where the operations are, and for whom they are carried out. */
interface Line {
  readonly socketPath: string;
  readonly actor: Actor;
}

interface FileInput {
  readonly text: string | AsyncIterable<Uint8Array>;
}

function send(line: Line, name: OperationName, input: unknown): Promise<unknown> {
  return receive(() => post(line, `/v1/${name}`, JSON.stringify(input)));
}

function sendFile(line: Line, name: OperationName, { text, ...input }: FileInput): Promise<unknown> {
  const query = new URLSearchParams(
    Object.entries(input).map(([key, value]): [string, string] => [key, String(value)]),
  );
  return receive(() => upload(line, `/v1/${name}?${query}`, text));
}

async function receive(ask: () => Promise<IncomingMessage>): Promise<unknown> {
  let status = 0;
  let value: unknown;
  try {
    const answer = await ask();
    status = answer.statusCode ?? 0;
    value = JSON.parse(await readAll(answer));
  } catch (error) {
    if (error instanceof OperationError) throw error;
    throw new NolapseError('control_failed', `the gateway did not answer: ${(error as Error).message}`, error);
  }
  if (status === 200) return value;
  const { code, faults } = value as { code?: unknown; faults?: unknown };
  const named = Array.isArray(faults) ? faults.map(String) : [];
  if (isOperationCode(code)) throw new OperationError(code, named);
  throw new NolapseError('control_failed', named.join('; ') || `the gateway answered with status ${status}`);
}

/** Does a broker run on this home? Fails with NolapseError `control_refused` when one does that this user may not speak to. */
export async function isServed(home: string): Promise<boolean> {
  const path = controlPath(home);
  return isAnswering(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') return false;
    throw new NolapseError('control_refused', `${path} cannot be opened (${error.code}): is it another user's?`, error);
  });
}

/** The operations of the broker that runs on this home, for this actor; null when none does. Fails as {@link isServed} does. */
export async function connectOperations(home: string, actor: Actor): Promise<Operations | null> {
  if (!(await isServed(home))) return null;
  const line: Line = { socketPath: controlPath(home), actor };
  const methods = operationNames.map((name) => [
    name,
    effectOf(name) === 'takes a file'
      ? (input: FileInput) => sendFile(line, name, input)
      : (input: unknown = {}) => send(line, name, input),
  ]);
  return Object.fromEntries(methods) as Operations;
}
