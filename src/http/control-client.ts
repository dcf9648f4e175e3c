// The operations of a running gateway, called over its control socket.
import { type IncomingMessage, request } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { OperationError, type OperationName, type Operations } from '../app/operations.ts';
import { NolapseError } from '../domain/errors.ts';
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

function post(socketPath: string, path: string, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const outgoing = request({ socketPath, path, method: 'POST', headers, agent: false, timeout: answerMs });
    outgoing.once('response', resolve);
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Sends a file as it is read. What its reading fails with, this fails with. */
function upload(socketPath: string, path: string, text: string | AsyncIterable<Uint8Array>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/octet-stream', 'transfer-encoding': 'chunked' };
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

function isOperationCode(code: unknown): code is OperationError['code'] {
  return code === 'invalid' || code === 'not_found' || code === 'conflict';
}

function send<T>(socketPath: string, name: OperationName, input: unknown): Promise<T> {
  return receive(() => post(socketPath, `/v1/${name}`, JSON.stringify(input)));
}

function sendFile<T>(
  socketPath: string,
  name: OperationName,
  { text, ...input }: { readonly text: string | AsyncIterable<Uint8Array> },
): Promise<T> {
  const query = new URLSearchParams(
    Object.entries(input).map(([key, value]): [string, string] => [key, String(value)]),
  );
  return receive(() => upload(socketPath, `/v1/${name}?${query}`, text));
}

async function receive<T>(ask: () => Promise<IncomingMessage>): Promise<T> {
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
  if (status === 200) return value as T;
  const { code, faults } = value as { code?: unknown; faults?: unknown };
  const named = Array.isArray(faults) ? faults.map(String) : [];
  if (isOperationCode(code)) throw new OperationError(code, named);
  throw new NolapseError('control_failed', named.join('; ') || `the gateway answered with status ${status}`);
}

/**
 * The operations of the gateway that runs on this home; null when none does. Fails with NolapseError `control_refused`
 * when there is one that this user may not speak to.
 */
export async function connectOperations(home: string): Promise<Operations | null> {
  const path = controlPath(home);
  const answering = await isAnswering(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') return false;
    throw new NolapseError('control_refused', `${path} cannot be opened (${error.code}): is it another user's?`, error);
  });
  if (!answering) return null;
  return {
    addDevice: (input) => send(path, 'addDevice', input),
    setDevice: (input) => send(path, 'setDevice', input),
    importDevices: (input) => sendFile(path, 'importDevices', input),
    listDevices: (query) => send(path, 'listDevices', query),
    showDevice: (input) => send(path, 'showDevice', input),
    issueDevice: (input) => send(path, 'issueDevice', input),
    decommissionDevice: (input) => send(path, 'decommissionDevice', input),
    quarantineDevice: (input) => send(path, 'quarantineDevice', input),
    addDelegation: (input) => send(path, 'addDelegation', input),
    listDelegations: (query) => send(path, 'listDelegations', query),
    revokeDelegation: (input) => send(path, 'revokeDelegation', input),
    listRenewals: (query) => send(path, 'listRenewals', query),
    showRenewal: (input) => send(path, 'showRenewal', input),
    runRenewal: (input) => send(path, 'runRenewal', input),
    listCertificates: (query) => send(path, 'listCertificates', query),
    importCertificates: (input) => sendFile(path, 'importCertificates', input),
    showCertificate: (input) => send(path, 'showCertificate', input),
    revokeCertificate: (input) => send(path, 'revokeCertificate', input),
    listSources: () => send(path, 'listSources', {}),
    reconcile: (input) => send(path, 'reconcile', input),
    listFindings: (query) => send(path, 'listFindings', query),
    listAlerts: (query) => send(path, 'listAlerts', query),
    showAlert: (input) => send(path, 'showAlert', input),
    acknowledgeAlert: (input) => send(path, 'acknowledgeAlert', input),
    clearAlert: (input) => send(path, 'clearAlert', input),
    lookOver: () => send(path, 'lookOver', {}),
    lookedOver: () => send(path, 'lookedOver', {}),
    crl: () => send(path, 'crl', {}),
    previewCampaign: (input) => send(path, 'previewCampaign', input),
    startCampaign: (input) => send(path, 'startCampaign', input),
    listCampaigns: (query) => send(path, 'listCampaigns', query),
    showCampaign: (input) => send(path, 'showCampaign', input),
    pauseCampaign: (input) => send(path, 'pauseCampaign', input),
    resumeCampaign: (input) => send(path, 'resumeCampaign', input),
    abortCampaign: (input) => send(path, 'abortCampaign', input),
    forecast: (query) => send(path, 'forecast', query),
    evidence: (query) => send(path, 'evidence', query),
    listPolicies: () => send(path, 'listPolicies', {}),
    explainPolicy: (input) => send(path, 'explainPolicy', input),
    reload: (input = {}) => send(path, 'reload', input),
    fleet: () => send(path, 'fleet', {}),
    copyLedger: (input) => send(path, 'copyLedger', input),
    doctor: () => send(path, 'doctor', {}),
  };
}
