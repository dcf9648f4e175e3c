// The site of the measurement: one MQTT connection that speaks for every device behind it, each with keys of its own. Answers
// `wait N` once N devices were told that all is done.
import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connectAsync } from 'mqtt';
import type { DownMessage, UpMessage } from '../../src/domain/message.ts';
import { type PrincipalId, parsePrincipalId } from '../../src/domain/principal.ts';
import { useProofText } from '../../src/domain/proof.ts';
import { enrollmentTopic } from '../../src/domain/topics.ts';
import { fingerprintOf } from '../../src/pki/fingerprint.ts';
import { makeRequest } from '../../src/simulator/key.ts';
import { decodeDown, encodeUp } from '../../src/wire/index.ts';
import type { Role } from './delegated.ts';

const keysReady = 1_000;

const [{ port, id: self, credentials }] = (await once(process, 'message')) as [Role];
const client = await connectAsync({
  protocol: 'mqtts',
  host: '127.0.0.1',
  port,
  clientId: self,
  cert: new X509Certificate(credentials.certificatePem).toString(),
  key: credentials.keyPem,
  rejectUnauthorized: false,
  reconnectPeriod: 0,
});
const requests = new Map<PrincipalId, Awaited<ReturnType<typeof makeRequest>>>();
// What devices do for themselves costs the site nothing: their keys are there before they are asked.
for (let i = 0; i < keysReady; i += 1) {
  const id = parsePrincipalId(`device-${i}`);
  if (id) requests.set(id, await makeRequest(id));
}
const done = new Set<string>();
const errors: Record<string, number> = {};
let waiting: (() => void) | null = null;

function say(id: PrincipalId, message: UpMessage): void {
  client.publish(enrollmentTopic(id, message.word), Buffer.from(encodeUp('json', message)), { qos: 1 });
}

function answer(id: PrincipalId, message: DownMessage): void {
  const request = requests.get(id);
  // A replacement in parts would be another measurement.
  if (message.word === 'offer' && message.size !== undefined) errors.in_parts = (errors.in_parts ?? 0) + 1;
  else if (message.word === 'offer' && request) say(id, { word: 'csr', renewal: message.renewal, csr: request.csr });
  if (message.word === 'cert' && request) {
    const [leaf = new Uint8Array()] = message.certificates;
    const fingerprint = fingerprintOf(leaf);
    const proof = sign('sha256', Buffer.from(useProofText(id, fingerprint)), createPrivateKey(request.keyPem));
    say(id, { word: 'ack', renewal: message.renewal, status: 'installed' });
    say(id, { word: 'hello', fingerprint, proof });
  }
  if (message.word === 'done') done.add(id);
  if (message.word === 'error') errors[message.code] = (errors[message.code] ?? 0) + 1;
  waiting?.();
}

client.on('message', (topic, payload) => {
  const [, , name, word = ''] = topic.split('/');
  const id = parsePrincipalId(name);
  const decoded = decodeDown(word, payload);
  if (id && decoded.ok) answer(id, decoded.message);
});
await client.subscribeAsync('$enroll/1/+/+', { qos: 1 });
process.on('message', (question: string) => {
  const wanted = Number(question.split(' ')[1]);
  waiting = () => {
    if (done.size < wanted && Object.keys(errors).length === 0) return;
    waiting = null;
    process.send?.({ errors });
  };
  waiting();
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
