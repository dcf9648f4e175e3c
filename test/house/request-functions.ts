// Which functions of src/app one request calls, from its message to what PUBACK waits for, by V8's own count of calls.
import { Session as Inspector, type Profiler } from 'node:inspector';
import { entranceOf } from '../../src/app/admission/entrance.ts';
import { Seen } from '../../src/app/admission/seen.ts';
import { sweep } from '../../src/app/upkeep/sweep.ts';
import type { UpMessage } from '../../src/domain/message.ts';
import { enrollmentTopic } from '../../src/domain/topics.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import type { Sessions } from '../../src/ports/sessions.ts';
import { makeRequest } from '../../src/simulator/key.ts';
import { decodeDown, encodeUp } from '../../src/wire/index.ts';
import { type Assembled, assembled } from '../app/assembled.ts';
import { idOf } from '../domain/samples.ts';
import { nobody } from '../fakes/nobody.ts';
import { operationsIn } from '../fakes/tester.ts';

const device = idOf('dev-1');
const untilDueMs = 62 * 86_400_000;

/** Each with its file. Functions without a name count as part of those that make them. */
export async function functionsOfARequest(): Promise<string[]> {
  let offsetMs = 0;
  let renewal = '';
  const sessions: Sessions = {
    ...nobody,
    listens: async () => true,
    send: async (_, topic, payload) => {
      const decoded = decodeDown(topic.split('/')[3] ?? '', payload);
      if (decoded.ok && decoded.message.word === 'offer') renewal = decoded.message.renewal;
      return 1;
    },
  };
  const house = await assembled({ sessions, clock: { now: () => Date.now() + offsetMs } });
  try {
    const say = await connected(house);
    await say({ word: 'hello', maxPacket: 4_096 });
    offsetMs = untilDueMs;
    await sweep(house.app);
    await house.outbox.idle();
    // What the request is owed is another walk.
    await house.outbox.close();
    const { csr } = await makeRequest(device);
    return await calledBy(() => say({ word: 'csr', renewal, csr }));
  } finally {
    await house.close();
  }
}

async function connected({ app }: Assembled): Promise<(message: UpMessage) => Promise<void>> {
  const entrance = entranceOf(app, new Seen(app));
  const operations = operationsIn(app);
  await operations.addDevice({ id: device, owner: 'tests' });
  const { certificatePem } = await operations.issueDevice({ id: device });
  const [der = null] = pemToDer(certificatePem, 'CERTIFICATE') ?? [];
  const presented = { der, issuers: () => [] };
  const admission = await entrance.admit({ presented, clientId: device, remoteAddress: '192.0.2.1', root: 1 });
  if (!admission.admitted) throw new Error(admission.reason);
  return (message) =>
    entrance.receive(admission.session, enrollmentTopic(device, message.word), encodeUp('json', message));
}

async function calledBy(work: () => Promise<void>): Promise<string[]> {
  const inspector = new Inspector();
  inspector.connect();
  try {
    inspector.post('Profiler.enable');
    inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    await work();
    return taken(inspector).flatMap(({ url, functions }) => {
      const file = /\/(src\/app\/.*)$/.exec(url)?.[1];
      if (file === undefined) return [];
      const called = functions.filter(({ functionName, ranges }) => functionName !== '' && (ranges[0]?.count ?? 0) > 0);
      return called.map(({ functionName }) => `${file} ${functionName}`);
    });
  } finally {
    inspector.disconnect();
  }
}

/** An inspector of the thread that it is in answers at once. */
function taken(inspector: Inspector): readonly Profiler.ScriptCoverage[] {
  let result: readonly Profiler.ScriptCoverage[] = [];
  inspector.post('Profiler.takePreciseCoverage', (error, coverage) => {
    if (error) throw error;
    ({ result } = coverage);
  });
  return result;
}
