// Everything that the broker depends on and that ends is in one list, which the alerts, doctor, the metrics and trust status show.
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { doctor } from '../../src/app/operator/doctor.ts';
import { alertOwn } from '../../src/app/oversight/own-certificates.ts';
import { prepareIssuing } from '../../src/app/trust/issuing-steps.ts';
import { judgedDeadlines } from '../../src/app/trust/own-deadlines.ts';
import { refreshRootLists } from '../../src/app/trust/root-lists.ts';
import { abortRoot, prepareRoot } from '../../src/app/trust/root-steps.ts';
import { trustStatus } from '../../src/app/trust/trust-status.ts';
import { derToPem } from '../../src/pki/pem.ts';
import { day, scratch } from '../pki/made.ts';
import { makeRoot } from '../pki/roots.ts';
import { type Assembled, assembled } from './assembled.ts';

let home: Assembled;
let offset = 0;
afterEach(async () => {
  offset = 0;
  await home.close();
});

const yaml = 'mqtt:\n  nextPort: 8893\n';
const begin = async (more = '', files: Record<string, string> = {}): Promise<void> => {
  home = await assembled({ yaml: yaml + more, files, clock: { now: () => Date.now() + offset } });
};
const server = (): Uint8Array | null => home.app.served.first.certificate;
const judged = async () => judgedDeadlines(home.app, server());
const subjects = async (): Promise<string[]> => (await judged()).map(({ subject }) => subject);
const open = async () => {
  await alertOwn(home.app, server());
  const all = await home.app.store.read.alerts({ kind: 'own_certificate', open: true }, 100);
  return all.map(({ subject, severity }) => `${severity} ${subject}`).toSorted();
};
const takeKeyAway = (): void => {
  renameSync(join(home.home, 'pki', 'root.key'), join(scratch(), 'root.key'));
};
const prepare = () =>
  prepareRoot(home.app, { preparation: 'here', passphrase: 'a passphrase of its own', sequence: 9 });

describe('the deadlines of the broker', () => {
  it('are those of roots, issuing CAs, the server, lists and anchors, each under its name', async () => {
    const anchor = makeRoot('factory', { notBefore: Date.now() - day, notAfter: Date.now() + 4_000 * day });
    await begin("bootstrap: { anchors: ['factory.pem'] }\n", { 'factory.pem': derToPem(anchor.der, 'CERTIFICATE') });
    await prepareIssuing(home.app, false);
    await prepare();
    await refreshRootLists(home.app);
    expect(await subjects()).toEqual([
      'root certificate',
      'certificate of root 2',
      'issuing certificate',
      'certificate of issuing CA 2',
      'certificate of issuing CA 3',
      'server certificate',
      'revocation list',
      'revocation list of root 1',
      'revocation list of root 2',
      expect.stringMatching(/^bootstrap anchor factory, SHA-256 [0-9a-f]{16}$/),
    ]);
    expect(await open()).toEqual([]);
    const { deadlines } = await trustStatus(home.app);
    expect(deadlines.map(({ subject }) => subject).toSorted()).toEqual((await subjects()).toSorted());
    expect(deadlines.map(({ endsAt }) => endsAt)).toEqual(
      deadlines.map(({ endsAt }) => endsAt).toSorted((a, b) => a - b),
    );
    const lines = (await doctor(home.app, server(), false)).map(({ subject }) => subject);
    expect(lines).toEqual(expect.arrayContaining(await subjects()));
  });

  it('are told of, and no more once what ends is gone', async () => {
    await begin();
    await prepare();
    await refreshRootLists(home.app);
    offset = 20 * 365 * day - 10 * day;
    expect(await open()).toEqual(
      expect.arrayContaining([
        'critical certificate of root 2',
        'critical root certificate',
        'critical server certificate',
      ]),
    );
    offset = 0;
    expect(await open()).toEqual([]);
    offset = 20 * 365 * day - 10 * day;
    expect(await open()).toContain('critical certificate of root 2');
    await abortRoot(home.app);
    expect(await open()).not.toContain('critical certificate of root 2');
  });

  it("have somebody sign a root's list while half of its time is left, where the key is elsewhere", async () => {
    await begin();
    takeKeyAway();
    offset = 184 * day;
    const list = (await judged()).find(({ kind }) => kind === 'root_crl');
    expect(list).toMatchObject({
      level: 'warning',
      severity: 'warning',
      detail: expect.stringContaining('nolapse trust crl root --request FILE'),
    });
    expect(await open()).toContain('warning revocation list of root 1');
    offset = 360 * day;
    expect(await open()).toContain('critical revocation list of root 1');
  });

  it('leave an issuing CA alone whose successor comes by itself, until that is late', async () => {
    await begin('classes: { default: { lifetime: 90d, renewAt: 66%, overlap: 7d, grace: 30d } }\n');
    const issuing = async () => (await judged()).find(({ subject }) => subject === 'issuing certificate');
    offset = (5 * 365 - 280) * day;
    expect(await issuing()).toMatchObject({ level: 'ok' });
    offset = (5 * 365 - 260) * day;
    expect(await issuing()).toMatchObject({ level: 'warning' });
    await prepareIssuing(home.app, false);
    expect(await issuing()).toMatchObject({ level: 'ok' });
    offset = (5 * 365 - 80) * day;
    expect(await issuing()).toMatchObject({ level: 'warning', severity: 'critical' });
  });

  it('leave none out because the key of a root is elsewhere: then a quarter of its life is told', async () => {
    await begin();
    takeKeyAway();
    offset = (5 * 365 - 300) * day;
    expect(await open()).toContain('warning issuing certificate');
  });
});
