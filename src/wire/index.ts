// The enrollment messages, bytes <-> values, in every encoding there is. Knows neither topics' owners nor renewals.
import { z } from 'zod';
import type { EnrollmentCode } from '../domain/errors.ts';
import type { DownMessage, UpMessage } from '../domain/message.ts';
import type { Encoding } from '../domain/principal.ts';
import { cbor } from './cbor.ts';
import type { Format } from './format.ts';
import { json } from './json.ts';
import { payloadBytesMax } from './limits.ts';
import { downShapes, upShapes } from './shapes.ts';

export { fields, modeNumbers, statusNumbers } from './fields.ts';
export { payloadBytesMax } from './limits.ts';

interface Speech extends Format {
  readonly up: ReturnType<typeof upShapes>;
  readonly down: ReturnType<typeof downShapes>;
}

function speech(format: Format): Speech {
  return { ...format, up: upShapes(format.spellings), down: downShapes(format.spellings) };
}

const speeches: Readonly<Record<Encoding, Speech>> = { json: speech(json), cbor: speech(cbor) };

const upWords: readonly string[] = ['hello', 'csr', 'get', 'ack'] satisfies UpMessage['word'][];
const downWords: readonly string[] = [
  'offer',
  'part',
  'cert',
  'done',
  'trust',
  'error',
] satisfies DownMessage['word'][];

interface Undecodable {
  readonly ok: false;
  /** The encoding to answer in: what the payload claims to be, JSON when it claims nothing. */
  readonly encoding: Encoding;
  readonly code: EnrollmentCode;
  /** Names the field or the fault; never repeats what was sent. */
  readonly detail: string;
}

export type Decoded<Message> =
  | { readonly ok: true; readonly encoding: Encoding; readonly message: Message }
  | Undecodable;

/** The wire's name is `certificate`, whatever the number of certificates in it. */
type WireDown = z.output<Speech['down']>;

function toWire(message: DownMessage): WireDown {
  if (message.word !== 'cert') return message;
  return { word: 'cert', renewal: message.renewal, certificate: message.certificates };
}

function fromWire(message: WireDown): DownMessage {
  if (message.word !== 'cert') return message;
  return { word: 'cert', renewal: message.renewal, certificates: message.certificate };
}

function serialize(format: Speech, spelled: unknown): Uint8Array {
  const { word: _, ...fields } = spelled as Record<string, unknown>;
  return format.serialize(fields);
}

/** Throws a ZodError for a value that breaks the message's own rules: a fault of the caller, not of the wire. */
export function encodeDown(encoding: Encoding, message: DownMessage): Uint8Array {
  return serialize(speeches[encoding], z.encode(speeches[encoding].down, toWire(message)));
}

/** As {@link encodeDown}, for devices. */
export function encodeUp(encoding: Encoding, message: UpMessage): Uint8Array {
  return serialize(speeches[encoding], z.encode(speeches[encoding].up, message));
}

/** How many bytes of its replacement a part may carry, when its payload may have `payloadBytes`; 0 when none fit. */
export function partBytesWithin(
  encoding: Encoding,
  part: { readonly renewal: string; readonly offset: number; readonly total: number },
  payloadBytes: number,
): number {
  const empty = encodeDown(encoding, { word: 'part', ...part, bytes: new Uint8Array() });
  return speeches[encoding].bytesWithin(payloadBytes - empty.length);
}

function refuse(encoding: Encoding, error: z.ZodError): Undecodable {
  const issue = error.issues[0];
  const named = issue?.code === 'custom' ? (issue.params?.['code'] as EnrollmentCode | undefined) : undefined;
  const detail = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'of the wrong type'}`;
  return { ok: false, encoding, code: named ?? 'missing_field', detail };
}

/** A request is there whole or one part of it is, and not both. The shapes cannot say so: each field has its own codec. */
function objectToMixture(message: UpMessage): string | null {
  if (message.word !== 'csr') return null;
  const given = [message.offset, message.total, message.bytes].filter((field) => field !== undefined).length;
  const fits = message.csr === undefined ? given === 3 : given === 0;
  return fits ? null : 'csr: required, alone or in parts as offset, total and bytes';
}

type Opened = { readonly ok: true; readonly speech: Speech; readonly fields: Record<string, unknown> } | Undecodable;

function open(word: string, words: readonly string[], payload: Uint8Array): Opened {
  const empty = payload.length === 0 && word === 'hello';
  const speech = empty ? speeches.json : Object.values(speeches).find((each) => each.recognizes(payload));
  const encoding = speech?.encoding ?? 'json';
  const no = (code: EnrollmentCode, detail: string): Undecodable => ({ ok: false, encoding, code, detail });
  if (!words.includes(word)) return no('unknown_word', 'no message of this version has that word');
  if (payload.length > payloadBytesMax) {
    const code = word === 'csr' ? 'csr_too_large' : 'malformed_message';
    return no(code, `the payload is larger than ${payloadBytesMax} bytes`);
  }
  if (!speech) return no('malformed_message', 'the payload begins neither a JSON object nor a CBOR map');
  const parsed = empty ? { ok: true as const, fields: {} } : speech.parse(payload);
  if (!parsed.ok) return no('malformed_message', parsed.detail);
  return { ok: true, speech, fields: { ...parsed.fields, word } };
}

/**
 * Reads what a device published under `word`. Total: whatever the bytes, it returns and never throws.
 * @returns the message, or the code and the detail to answer with, in the encoding the device seems to speak.
 */
export function decodeUp(word: string, payload: Uint8Array): Decoded<UpMessage> {
  const opened = open(word, upWords, payload);
  if (!opened.ok) return opened;
  const { encoding, up } = opened.speech;
  const result = z.safeDecode(up, opened.fields as z.input<typeof up>);
  if (!result.success) return refuse(encoding, result.error);
  const detail = objectToMixture(result.data);
  if (detail !== null) return { ok: false, encoding, code: 'missing_field', detail };
  return { ok: true, encoding, message: result.data };
}

/** As {@link decodeUp}, for devices: what the broker sent under `word`. */
export function decodeDown(word: string, payload: Uint8Array): Decoded<DownMessage> {
  const opened = open(word, downWords, payload);
  if (!opened.ok) return opened;
  const { encoding, down } = opened.speech;
  const result = z.safeDecode(down, opened.fields as z.input<typeof down>);
  return result.success ? { ok: true, encoding, message: fromWire(result.data) } : refuse(encoding, result.error);
}
