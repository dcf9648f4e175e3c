// What is done when the key of a CA is in wrong hands: as far as keys, ports and approvals allow, and what is refused. On a real store and PKI.
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Operations } from '../../src/app/operator/operate.ts';
import { IssuingWatch } from '../../src/app/trust/issuing-watch.ts';
import { operationsIn } from '../fakes/tester.ts';
import { signedByRoot } from '../pki/issuing.ts';
import { scratch } from '../pki/made.ts';
import { type Assembled, assembled } from './assembled.ts';

const passphrase = 'a passphrase of its own';
const atOnce = 'mqtt: { nextPort: 18893 }\ntrust: { approval: { root: none } }\n';

let home: Assembled;
let operations: Operations;
const begin = async (yaml = atOnce): Promise<void> => {
  home = await assembled({ yaml });
  home.nextPort.port = { reach: async () => ({ ok: true }), sessionsUnder: () => 0 };
  operations = operationsIn(home.app);
};
afterEach(() => home.close());

const keyAside = (name = 'root.key'): string => {
  const aside = join(scratch(), name);
  renameSync(join(home.home, 'pki', name), aside);
  return aside;
};
const issuing = async () => (await home.app.store.read.issuingSlots()).map(({ number, state }) => [number, state]);
const revoked = async () => (await home.app.store.read.revokedIssuing()).map(({ number }) => number);
const journal = async () => (await home.app.store.read.journal({}, 100)).map(({ action }) => action);

async function doneOf<T>(given: Promise<{ done: T } | { asked: { release: string } }>): Promise<T> {
  const view = await given;
  if ('done' in view) return view.done;
  throw new Error(`it was asked for: ${view.asked.release}`);
}
async function askedOf(given: Promise<{ done: unknown } | { asked: { release: string } }>): Promise<string[]> {
  const view = await given;
  if ('asked' in view) return view.asked.release.split(' ');
  throw new Error('it was done at once');
}

describe('a compromised issuing CA', () => {
  it('goes on signing where the key of the root is elsewhere, until its successor is installed, which is at once', async () => {
    await begin();
    const aside = keyAside();
    const { replacement, left } = await doneOf(operations.compromiseIssuing({ passphrase }));
    expect(replacement).toBeNull();
    expect(left).toEqual([
      expect.stringMatching(/^issuing CA 1 goes on signing until .*nolapse trust prepare issuing --request FILE/),
      expect.stringMatching(/^the list of root 1 is to be signed: nolapse trust crl root --request FILE$/),
      expect.stringMatching(/^root 2 waits for a signature by the present root: nolapse trust install FILE$/),
    ]);
    expect(await revoked()).toEqual([1]);
    expect(await issuing()).toContainEqual([1, 'current']);
    const { request } = await operations.prepareIssuing({ elsewhere: true });
    renameSync(aside, join(home.home, 'pki', 'root.key'));
    const base64 = Buffer.from(signedByRoot(join(home.home, 'pki'), request ?? '')).toString('base64');
    keyAside();
    await operations.installIssuing({ files: [{ name: 'issuing.crt', base64 }] });
    expect((await operations.trustStatus({})).issuing.due).toBeNull();
    await new IssuingWatch(home.app).look();
    expect((await issuing()).slice(0, 2)).toEqual([
      [1, 'former'],
      [2, 'current'],
    ]);
  });

  it('takes a next one that was prepared, and says that its key may be in the same hands; --fresh makes another', async () => {
    await begin();
    await operations.prepareIssuing({});
    const kept = await doneOf(operations.compromiseIssuing({ passphrase }));
    expect(kept.replacement).toMatchObject({ number: 2 });
    expect(kept.left[0]).toMatch(/^issuing CA 2 was prepared before: if its key may be in the same hands/);
    await operations.prepareIssuing({});
    const fresh = await doneOf(operations.compromiseIssuing({ passphrase, fresh: true }));
    expect(fresh).toMatchObject({ number: 2, replacement: { number: expect.any(Number) } });
    expect(fresh.replacement?.number).toBeGreaterThan(3);
    expect(await revoked()).toEqual([1, 2]);
  });

  it('is replaced by nobody where it is a former one, and revoked all the same; twice is once', async () => {
    await begin();
    await operations.prepareIssuing({});
    await operations.activateIssuing({});
    expect(await doneOf(operations.compromiseIssuing({ number: 1, passphrase }))).toMatchObject({ replacement: null });
    const steps = async () => (await journal()).filter((action) => action.startsWith('trust.'));
    const known = await steps();
    await doneOf(operations.compromiseIssuing({ number: 1, passphrase }));
    expect(await steps()).toEqual(known);
    expect(known.filter((action) => action === 'trust.compromised')).toHaveLength(1);
  });

  it('waits for the release of that very thing where steps of issuing CAs need one', async () => {
    await begin('mqtt: { nextPort: 18893 }\ntrust: { approval: { issuing: required } }\n');
    const words = await askedOf(operations.compromiseIssuing({ passphrase }));
    expect(words.slice(0, 6)).toEqual(['nolapse', 'trust', 'release', 'compromised', 'issuing', '1']);
    expect(await revoked()).toEqual([]);
    const release = words.at(-1) as string;
    await expect(operations.compromiseIssuing({ passphrase, release: 'f'.repeat(64) })).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(await revoked()).toEqual([]);
    const done = await doneOf(operations.compromiseIssuing({ passphrase, release }));
    expect(done).toMatchObject({ replacement: { number: 2 }, prepared: null });
    // A step of the root waits for a release of its own.
    expect(done.asked?.release).toMatch(/^nolapse trust release prepare root \d+ [0-9a-f]{64}$/);
    await expect(operations.compromiseIssuing({ passphrase, release })).rejects.toMatchObject({ code: 'conflict' });
  });

  it.each<[string, () => Promise<void>, object, string]>([
    ['that there is none of', async () => undefined, { number: 9 }, 'issuing CA 9 is none of those in use'],
    [
      'that signs nothing yet',
      async () => void (await operations.prepareIssuing({})),
      { number: 2 },
      'it signs nothing yet: nolapse trust abort issuing',
    ],
    [
      'that is below the next root',
      async () => void (await operations.prepareRoot({ preparation: 'here', passphrase })),
      { number: 2 },
      'it is below root 2, which is the next one: nolapse trust abort root',
    ],
  ])('is refused where it is one %s, and nothing changes', async (_, prepare, input, fault) => {
    await begin();
    await prepare();
    const known = await journal();
    await expect(operations.compromiseIssuing({ ...input, passphrase })).rejects.toMatchObject({ faults: [fault] });
    expect(await journal()).toEqual(known);
  });
});

describe('a compromised root', () => {
  it('without a spare: the next one is prepared, and every step is due at once', async () => {
    await begin();
    const done = await doneOf(operations.compromiseRoot({ passphrase }));
    expect(done).toMatchObject({ root: 1, current: 1, prepared: { root: { number: 2 } } });
    expect(done.left).toEqual([expect.stringMatching(/nolapse backup FILE/)]);
    expect((await operations.trustStatus({})).distrusted).toEqual([{ root: 1, isInUse: true }]);
  });

  it('without a port for a next one: says so', async () => {
    await begin('trust: { approval: { root: none } }\n');
    const { prepared, left } = await doneOf(operations.compromiseRoot({ passphrase }));
    expect(prepared).toBeNull();
    expect(left).toEqual([
      expect.stringMatching(/^mqtt.nextPort is not set/),
      expect.stringMatching(/root 1 is not to be trusted, .*set mqtt.nextPort and start the broker anew$/),
    ]);
  });

  it('with a spare that is in no backup: says what keeps it from being announced, and changes no slot', async () => {
    await begin();
    await operations.prepareRoot({ preparation: 'here', passphrase });
    const { current, left } = await doneOf(operations.compromiseRoot({ passphrase }));
    expect(current).toBe(1);
    expect(left[0]).toMatch(/^no backup that was made after the root was prepared is confirmed/);
    expect((await home.app.store.read.rootSlots()).map(({ state }) => state)).toEqual(['current', 'next']);
  });

  it('waits for the release of that very thing, which any other step makes void', async () => {
    await begin('mqtt: { nextPort: 18893 }\n');
    const [, , , step, ca, sequence, sha256] = await askedOf(operations.compromiseRoot({ passphrase }));
    expect([step, ca]).toEqual(['compromised', 'root']);
    const release = { sequence: Number(sequence), sha256: sha256 as string };
    for (const wrong of [
      { ...release, sequence: release.sequence + 1 },
      { ...release, sha256: 'f'.repeat(64) },
    ]) {
      await expect(operations.compromiseRoot({ passphrase, release: wrong })).rejects.toMatchObject({
        code: 'conflict',
      });
    }
    await expect(operations.releaseRoot({ step: 'compromised', ...release })).rejects.toMatchObject({
      code: 'invalid',
    });
    await operations.prepareRoot({ preparation: 'made_elsewhere' });
    await expect(operations.compromiseRoot({ passphrase, release })).rejects.toMatchObject({ code: 'conflict' });
    expect(await journal()).not.toContain('trust.compromised');
    await askedOf(operations.compromiseRoot({ passphrase }));
    const done = await doneOf(operations.compromiseRoot({ passphrase, release }));
    expect(done).toMatchObject({ root: 1, prepared: null, asked: { step: 'prepare' } });
    expect(await journal()).toContain('trust.compromised');
  });

  it.each<[string, object, string]>([
    ['that there is none of', { root: 9 }, 'there is no root 9'],
    ['that nobody was told of yet', { root: 2 }, 'root 2 is the next one: nolapse trust abort root'],
  ])('is refused where it is one %s', async (_, input, fault) => {
    await begin();
    await operations.prepareRoot({ preparation: 'here', passphrase });
    await expect(operations.compromiseRoot({ ...input, passphrase })).rejects.toMatchObject({ faults: [fault] });
    expect(await journal()).not.toContain('trust.compromised');
  });
});
