// What a session that a bootstrap anchor let in may still say once its device has enrolled: nothing, however long it takes
// to end. Here nothing ever ends it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { entranceOf } from '../../src/app/admission/entrance.ts';
import { Seen } from '../../src/app/admission/seen.ts';
import type { App } from '../../src/app/context.ts';
import { operationsOf } from '../../src/app/operator/operate.ts';
import type { Entrance } from '../../src/app/session.ts';
import { loadConfig } from '../../src/config.ts';
import { enrollmentTopic } from '../../src/domain/topics.ts';
import { assemble, initHome } from '../../src/home.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import type { Sessions } from '../../src/ports/sessions.ts';
import { encodeUp } from '../../src/wire/index.ts';
import { createTestAuthority } from '../broker/test-pki.ts';
import { idOf } from '../domain/samples.ts';
import { newRequest } from '../scenarios/harness.ts';
import { recordingLog } from '../telemetry/recording-log.ts';

const id = idOf('pump-1');
const sessions: Sessions = {
  send: async () => 0,
  listens: () => false,
  closeByCertificate: () => 0,
  closeByPrincipal: () => 0,
  closeIntroduced: () => 0,
};

let home: string;
let app: App;
let entrance: Entrance;
let stranger: Uint8Array;
const told: { action: string; reason?: string }[] = [];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-introduced-'));
  const maker = await createTestAuthority('Maker');
  writeFileSync(join(home, 'maker.crt'), maker.ca);
  writeFileSync(join(home, 'nolapse.yaml'), 'bootstrap: { anchors: [maker.crt] }\n');
  stranger = pemToDer((await maker.issue(id)).cert, 'CERTIFICATE')?.[0] ?? new Uint8Array();
  const options = { home, config: loadConfig({ file: join(home, 'nolapse.yaml'), env: {} }), log: recordingLog().log };
  await initHome(options);
  told.length = 0;
  ({ app } = await assemble(options, { tell: (decision) => told.push(decision) }, sessions, 'use'));
  entrance = entranceOf(app, new Seen());
});
afterEach(async () => {
  await app.store.close();
  rmSync(home, { recursive: true, force: true });
});

const connect = (der: Uint8Array) =>
  entrance.admit({ presented: { der, issuers: () => [] }, clientId: id, remoteAddress: '192.0.2.1' });

it('nothing an introduced session says is taken once a certificate of its device was in use', async () => {
  const operations = operationsOf(app, () => null);
  await operations.addDevice({ id, owner: 'tests' });
  const introduced = await connect(stranger);
  if (!introduced.admitted) throw new Error(introduced.reason);
  expect(introduced.session).toMatchObject({ lane: 'renew-only', introduced: true });

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
  const operations = operationsOf(app, () => null);
  await operations.addDevice({ id, owner: 'tests' });
  const issued = await operations.issueDevice({ id });
  const der = pemToDer(issued.certificatePem, 'CERTIFICATE')?.[0] ?? new Uint8Array();
  // Side by side: both are judged by what the ledger says now, and only one change of it can come first.
  const [enrolled, late] = await Promise.all([connect(der), connect(stranger)]);
  expect(enrolled).toMatchObject({ admitted: true, session: { lane: 'full' } });
  expect(late).toEqual({ admitted: false, reason: 'unknown_certificate' });
  expect(await app.store.read.unendedRenewals(id)).toEqual([]);
});
