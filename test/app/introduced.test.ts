// What a session that a bootstrap anchor let in may still say once its device has enrolled: nothing, however long it takes
// to end. Here nothing ever ends it.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { entranceOf } from '../../src/app/admission/entrance.ts';
import { Seen } from '../../src/app/admission/seen.ts';
import type { App } from '../../src/app/operator/app.ts';
import type { Entrance } from '../../src/app/session.ts';
import { enrollmentTopic } from '../../src/domain/topics.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { encodeUp } from '../../src/wire/index.ts';
import { createTestAuthority } from '../broker/test-pki.ts';
import { idOf } from '../domain/samples.ts';
import { operationsIn } from '../fakes/tester.ts';
import { newRequest } from '../scenarios/harness.ts';
import { type Assembled, assembled } from './assembled.ts';

const id = idOf('pump-1');

let house: Assembled;
let app: App;
let entrance: Entrance;
let stranger: Uint8Array;
const told: { action: string; reason?: string }[] = [];

beforeEach(async () => {
  const maker = await createTestAuthority('Maker');
  stranger = pemToDer((await maker.issue(id)).cert, 'CERTIFICATE')?.[0] ?? new Uint8Array();
  told.length = 0;
  house = await assembled({
    yaml: 'bootstrap: { anchors: [maker.crt] }',
    files: { 'maker.crt': maker.ca },
    tell: (decision) => told.push(decision),
  });
  ({ app } = house);
  entrance = entranceOf(app, new Seen(app));
});
afterEach(() => house.close());

const connect = (der: Uint8Array) =>
  entrance.admit({ presented: { der, issuers: () => [] }, clientId: id, remoteAddress: '192.0.2.1', root: 1 });

it('nothing an introduced session says is taken once a certificate of its device was in use', async () => {
  const operations = operationsIn(app);
  await operations.addDevice({ id, owner: 'tests' });
  const introduced = await connect(stranger);
  if (!introduced.admitted) throw new Error(introduced.reason);
  expect(introduced.session).toMatchObject({ lane: 'renew-only', introduced: true });

  const [opened] = await app.store.read.journal({}, 1);
  expect(opened).toMatchObject({ action: 'renewal.due', actor: { name: id, channel: 'mqtt', claimed: true } });

  const issued = await operations.issueDevice({ id });
  const enrolled = await connect(pemToDer(issued.certificatePem, 'CERTIFICATE')?.[0] ?? new Uint8Array());
  expect(enrolled).toMatchObject({ admitted: true, session: { lane: 'full', introduced: false } });
  const effects = (await app.store.read.dueEffects(app.clock.now(), 100)).map(({ effect }) => effect);
  expect(effects).toContainEqual({ kind: 'close-principal', principalId: id, reason: 'enrolled', only: 'introduced' });

  const renewal = await operations.runRenewal({ device: id });
  const { csr } = await newRequest(id);
  const say = encodeUp('json', { word: 'csr', renewal: renewal.id, csr });
  await entrance.receive(introduced.session, enrollmentTopic(id, 'csr'), say);
  expect(await app.store.read.renewal(renewal.id)).toMatchObject({ state: 'due', requests: 0 });
  expect(told.filter(({ action }) => action === 'enrollment.refused')).toEqual([
    expect.objectContaining({ reason: 'not_authorized' }),
  ]);
  if (enrolled.admitted) await entrance.receive(enrolled.session, enrollmentTopic(id, 'csr'), say);
  expect(await app.store.read.renewal(renewal.id)).toMatchObject({ state: 'requested', requests: 1 });
});

it('whoever was judged before the device enrolled and comes too late to be let in opens no enrollment', async () => {
  const operations = operationsIn(app);
  await operations.addDevice({ id, owner: 'tests' });
  const issued = await operations.issueDevice({ id });
  const der = pemToDer(issued.certificatePem, 'CERTIFICATE')?.[0] ?? new Uint8Array();
  // Side by side: both are judged by what the ledger says now, and only one change of it can come first.
  const [enrolled, late] = await Promise.all([connect(der), connect(stranger)]);
  expect(enrolled).toMatchObject({ admitted: true, session: { lane: 'full' } });
  expect(late).toEqual({ admitted: false, reason: 'unknown_certificate' });
  expect(await app.store.read.unendedRenewals(id)).toEqual([]);
});
