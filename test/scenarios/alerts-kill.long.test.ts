// The broker is killed with SIGKILL while a webhook has been told of alerts and has not answered: after the start it is told again, under
// the same ids, and all that followed in its order.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Mortal } from './mortal.ts';
import { plantYaml } from './plant.ts';
import { CloudEventsReceiver, parseCloudEvent } from './receivers.ts';

let home: string;
let hook: CloudEventsReceiver;
let gateway: Mortal;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-kill-'));
  hook = await new CloudEventsReceiver(null).open();
  writeFileSync(join(home, 'plant.csv'), 'id,owner\npump-0,water\n');
  writeFileSync(
    join(home, 'nolapse.yaml'),
    `
mqtt: { port: 0 }
http: { port: 0 }
sweep: { interval: 100ms }
alerts: { webhooks: { hook: { kind: cloudevents, url: '${hook.url}' } } }
${plantYaml}
`,
  );
});
afterEach(async () => {
  await gateway.kill();
  await hook.close();
  rmSync(home, { recursive: true, force: true });
});

/** Reads a source in which these devices have these owners; nobody's are alerted of. */
function read(owners: Readonly<Record<string, string>>): Promise<unknown> {
  const lines = Object.entries(owners).map((pair) => pair.join(','));
  writeFileSync(join(home, 'plant.csv'), `${['id,owner', ...lines].join('\n')}\n`);
  return gateway.call('reconcile', { source: 'plant' });
}

/** What a post tells of, and under which ids. */
const told = (body: string): string[] => {
  const value: unknown = JSON.parse(body);
  return (Array.isArray(value) ? value : [value]).map((each) => {
    const { id, type, subject } = parseCloudEvent(JSON.stringify(each));
    return `${id} ${type.slice('nolapse.alert.'.length)} ${subject}`;
  });
};
const words = (lines: readonly string[]): string[] => lines.map((line) => line.split(' ').slice(1).join(' '));

it('is told again what it had not answered, with the same ids, before what came after', {
  timeout: 60_000,
}, async () => {
  gateway = await Mortal.start(home);
  await gateway.told('source.reconciled');
  // It takes what it is told, and never answers: whether it was told nobody can know.
  hook.misbehave = () => undefined;
  await read({ 'pump-1': '' });
  await hook.until(
    () => hook.requests[0],
    () => 'nothing was posted',
  );
  await read({ 'pump-1': '', 'pump-2': '' });
  const open = (): Promise<{ subject: string }[]> => gateway.call('listAlerts', { open: true, kind: 'no_owner' });
  const subjects = async () => (await open()).map(({ subject }) => subject);
  await expect.poll(subjects).toHaveLength(2);
  await read({ 'pump-1': 'water', 'pump-2': '' });
  await expect.poll(subjects).toEqual(['pump-2']);
  await gateway.kill();
  expect(hook.requests).toHaveLength(1);

  gateway = await Mortal.start(home);
  await hook.until(
    () => hook.requests[1],
    () => 'nothing was posted after the start',
  );
  // Once more, in the middle of the same.
  await gateway.kill();
  hook.misbehave = null;
  gateway = await Mortal.start(home);
  await read({ 'pump-1': 'water', 'pump-2': '', 'pump-3': '' });
  await hook.untilTold('no_owner/pump-3', 'raised');

  const [first, second] = hook.requests.map(({ body }) => told(body));
  expect(words(first ?? [])).toEqual(['raised no_owner/pump-1']);
  expect(words(second ?? [])).toEqual(['raised no_owner/pump-1', 'raised no_owner/pump-2', 'cleared no_owner/pump-1']);
  expect(second?.[0]).toBe(first?.[0]);
  // What it took at last: everything, once, in its order, and under the ids it had at the first attempt.
  const taken = hook.events.map(({ id, type, subject }) => `${id} ${type.slice('nolapse.alert.'.length)} ${subject}`);
  expect(words(taken)).toEqual([
    'raised no_owner/pump-1',
    'raised no_owner/pump-2',
    'cleared no_owner/pump-1',
    'raised no_owner/pump-3',
  ]);
  expect(taken.slice(0, 3)).toEqual(second);
});
