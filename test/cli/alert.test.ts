// Alerts as a person handles them: what is printed, and the exit code.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, Workplace } from './harness.ts';

let place: Workplace;
const run = (...args: readonly string[]): Promise<Outcome> => place.run([...args, '--home', place.home]);

beforeAll(async () => {
  place = new Workplace();
  await place.ask('init');
  writeFileSync(join(place.home, 'nolapse.yaml'), 'sources: { plant: { kind: file, path: none.csv } }\n');
});
afterAll(() => place.remove());

describe('nolapse alert', () => {
  it('lists nothing, exit code 0, until there is something', async () => {
    expect(await run('alert', 'list')).toMatchObject({ code: 0, stdout: '' });
    expect((await run('reconcile', '--source', 'plant')).code).toBe(2);
    const { code, stdout } = await run('alert', 'list', '--open');
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^KIND +SUBJECT +SEVERITY +STATE +SINCE +DETAIL\nsource_failed +plant +warning +open +(?:now|\d+s ago) +\S+none\.csv /,
    );
    expect((await run('alert', 'list', '--kind', 'lapsed')).code).toBe(0);
  });

  it('shows one, takes it on and clears it', async () => {
    const taken = await run('alert', 'ack', 'source_failed', 'plant', '--by', 'ana');
    expect(taken.code).toBe(0);
    expect(taken.stdout).toMatch(/^state +acknowledged$/m);
    const { stdout } = await run('alert', 'show', 'source_failed', 'plant');
    expect(stdout).toMatch(/^acknowledged +\S+Z by ana$/m);
    expect(stdout).toMatch(/^runbook +nolapse runbook source_failed$/m);
    expect((await run('doctor')).stdout).toMatch(
      /^warning +alerts +open: 0 critical, 1 warning; see nolapse alert list/m,
    );
    expect((await run('alert', 'clear', 'source_failed', 'plant')).stdout).toMatch(/^state +cleared$/m);
    expect(await run('alert', 'list', '--open')).toMatchObject({ code: 0, stdout: '' });
    expect(await place.ask('alert', 'list')).toMatchObject([{ kind: 'source_failed', acknowledgedBy: 'ana' }]);
  });

  it('says what cannot be', async () => {
    expect(await run('alert', 'show', 'lapsed', 'pump-1')).toMatchObject({
      code: 2,
      stderr: 'nolapse: there was never an alert lapsed/pump-1\n',
    });
    expect((await run('alert', 'ack', 'source_failed', 'plant')).stderr).toContain('is cleared already');
    expect((await run('alert', 'show', 'ugly', 'x')).stderr).toContain('kind: not one of');
  });
});
