// A home that somebody else can reach into: `init` makes no keys in it, and a start says so.
import { chmodSync, chownSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Recorder } from '../scenarios/recorder.ts';
import { Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

let place: Workplace;
let gateway: Running | undefined;

beforeEach(() => {
  place = new Workplace();
});
afterEach(async () => {
  if (gateway) await end(gateway, 'SIGKILL');
  gateway = undefined;
  place.remove();
});

const made = (path: string, mode: number): void => {
  mkdirSync(path, { mode: 0o700 });
  chmodSync(path, mode);
};

/** Before there is anything in the home. */
const emptyHomes: Readonly<Record<string, { readonly prepare: () => void; readonly fault: RegExp }>> = {
  'that everybody can write': {
    prepare: () => made(place.home, 0o777),
    fault: /home can be written by others.*chmod 700/,
  },
  'that a group can write': {
    prepare: () => made(place.home, 0o770),
    fault: /home can be written by others.*chmod 700/,
  },
  'that everybody can write, and remove from only what is their own': {
    prepare: () => made(place.home, 0o1777),
    fault: /home can be written by others.*chmod 700/,
  },
  'whose PKI everybody can write': {
    prepare: () => {
      made(place.home, 0o700);
      made(join(place.home, 'pki'), 0o777);
    },
    fault: /pki can be written by others/,
  },
  'whose PKI is a link that leads out': {
    prepare: () => {
      made(place.home, 0o700);
      made(join(place.folder, 'elsewhere'), 0o700);
      symlinkSync('../elsewhere', join(place.home, 'pki'));
    },
    fault: /pki is a link to .*elsewhere/,
  },
  'whose ledger is a link to nowhere yet': {
    prepare: () => {
      made(place.home, 0o700);
      symlinkSync('../ledger', join(place.home, 'nolapse.db'));
    },
    fault: /nolapse\.db is a link to nowhere/,
  },
  'that is a link': {
    prepare: () => {
      made(join(place.folder, 'elsewhere'), 0o700);
      symlinkSync('elsewhere', place.home);
    },
    fault: /home is a link to .*elsewhere/,
  },
};

describe('nolapse init', () => {
  it.each(Object.keys(emptyHomes))('refuses a home %s', async (kind) => {
    emptyHomes[kind]?.prepare();
    const { code, stdout, stderr } = await place.launch(['init', '--home', place.home]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(emptyHomes[kind]?.fault ?? /^$/);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it.runIf(process.getuid?.() === 0)('refuses a home that belongs to another user', async () => {
    made(place.home, 0o700);
    chownSync(place.home, 12_345, 12_345);
    const { code, stderr } = await place.launch(['init', '--home', place.home]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('belongs to another user (12345)') });
  });

  it('takes a home that others can read or enter, and keeps them out', async () => {
    made(place.home, 0o755);
    expect(await place.ask('init')).toMatchObject({ made: true });
  });

  it('takes links that stay inside, and says what lies above', async () => {
    const above = join(place.folder, 'above');
    made(above, 0o777);
    const home = join(above, 'home');
    made(home, 0o700);
    made(join(home, 'mounted'), 0o700);
    symlinkSync('mounted', join(home, 'pki'));
    const { code, stderr } = await place.launch(['init', '--home', home]);
    expect(code).toBe(0);
    expect(stderr).toContain(`${above}, above the home, can be written by another user`);
  });
});

describe('nolapse start', () => {
  const started = async (): Promise<Recorder> => {
    const log = new Recorder();
    gateway = await startNolapse(place, log);
    return log;
  };
  const doctor = async (): Promise<unknown> =>
    JSON.parse((await place.launch(['doctor', '--home', place.home, '-o', 'json'])).stdout);

  it('serves with mounted keys, which are links, and has an alert stand for them', async () => {
    await place.ask('init');
    renameSync(join(place.home, 'pki', 'issuing.key'), join(place.folder, 'mounted.key'));
    symlinkSync(join(place.folder, 'mounted.key'), join(place.home, 'pki', 'issuing.key'));
    const log = await started();
    await log.until('alert.raised', { 'event.reason': 'home_exposed', 'nolapse.alert.severity': 'warning' });
    expect(await doctor()).toContainEqual(
      expect.objectContaining({
        level: 'warning',
        subject: 'home',
        detail: expect.stringContaining('issuing.key is a link'),
      }),
    );
  });

  it('sets right what everybody could write, and says that they could', async () => {
    await place.ask('init');
    chmodSync(place.home, 0o777);
    const log = await started();
    const { message } = await log.until('alert.raised', {
      'event.reason': 'home_exposed',
      'nolapse.alert.severity': 'critical',
    });
    expect(message).toContain('could be written by others than its owner until this start ended that');
    expect(await doctor()).toContainEqual(expect.objectContaining({ level: 'critical', subject: 'home' }));
  });
});
