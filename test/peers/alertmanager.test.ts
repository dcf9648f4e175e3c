// Debian's own Alertmanager beside a real broker: it takes what it is posted, shows it in its API, sends it on to whoever is paged, and
// resolves it; also after it was restarted without a memory.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connackOf, type House, openHouse } from '../scenarios/harness.ts';
import { plantYaml, readPlant } from '../scenarios/plant.ts';
import { Receiver } from '../scenarios/receivers.ts';
import { missing } from './missing.ts';
import { freePort } from './mosquitto-process.ts';

interface Shown {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly status: { readonly state: string };
}

const day = 86_400_000;
const program = 'prometheus-alertmanager';
let folder: string;
let port: number;
let child: ChildProcess | null;
let paged: Receiver;
let house: House;

async function start(memory: string): Promise<void> {
  const file = join(folder, 'alertmanager.yml');
  writeFileSync(
    file,
    `route: { receiver: pager, group_by: [alertname, subject], group_wait: 1s, group_interval: 1s }
receivers: [{ name: pager, webhook_configs: [{ url: '${paged.url}/', send_resolved: true }] }]
`,
  );
  const options = [`--config.file=${file}`, `--storage.path=${join(folder, memory)}`, '--cluster.listen-address='];
  child = spawn(program, [...options, `--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' });
  await expect
    .poll(() =>
      fetch(`http://127.0.0.1:${port}/-/ready`).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    .toBe(200);
}

async function stop(): Promise<void> {
  if (!child) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
  child = null;
}

const shown = async (): Promise<Shown[]> =>
  (await fetch(`http://127.0.0.1:${port}/api/v2/alerts`)).json() as Promise<Shown[]>;

/** What the pager was sent of a device, as `status` of its alert. */
const statuses = (subject: string): string[] =>
  paged.requests.flatMap(({ body }) => {
    const { alerts } = JSON.parse(body) as { alerts: { status: string; labels: Record<string, string> }[] };
    return alerts.filter(({ labels }) => labels['subject'] === subject).map(({ status }) => status);
  });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-alertmanager-'));
  port = await freePort();
  paged = await new Receiver(() => 200).open();
});
afterEach(async () => {
  await house.close();
  await stop();
  await paged.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(missing(program))('Alertmanager', () => {
  it('shows what is open, pages for it, and sees it resolved', async () => {
    await start('memory');
    house = await openHouse({
      yaml: `
alerts: { webhooks: { manager: { kind: alertmanager, url: 'http://127.0.0.1:${port}', repeat: 1s } } }
${plantYaml}
`,
      files: { 'plant.csv': 'id,owner\npump-0,water\n' },
    });
    await house.log.until('source.reconciled');
    await readPlant(house, ['pump-0,water', 'pump-1,']);
    const wait = { timeout: 20_000 };
    await expect
      .poll(async () => (await shown()).map(({ labels }) => labels), wait)
      .toEqual([
        { alertname: 'no_owner', job: 'nolapse', instance: 'localhost', subject: 'pump-1', severity: 'warning' },
      ]);
    const [first] = await shown();
    expect(first).toMatchObject({ annotations: { summary: 'pump-1: it has no owner' } });
    expect(first?.status.state).toBe('active');
    await expect.poll(() => statuses('pump-1'), wait).toContain('firing');

    await stop();
    await start('no-memory');
    await expect.poll(async () => (await shown()).map(({ startsAt }) => startsAt), wait).toEqual([first?.startsAt]);

    await readPlant(house, ['pump-0,water', 'pump-1,water']);
    await expect.poll(shown, wait).toEqual([]);
    await expect.poll(() => statuses('pump-1').at(-1), wait).toBe('resolved');
    expect(house.log.count('notification.dropped')).toBe(0);
  }, 120_000);

  it('sees an alert end under the owner it had, and fire under the new one', async () => {
    await start('memory');
    let passedMs = 0;
    const clock = { now: () => Date.now() - 80 * day + passedMs, steady: () => performance.now() + passedMs };
    house = await openHouse({
      clock,
      yaml: `
classes: { default: { lifetime: 90d, renewAt: 66%, spread: 0%, overlap: 7d, grace: 30d } }
alerts: { webhooks: { manager: { kind: alertmanager, url: 'http://127.0.0.1:${port}', repeat: 1s } } }
`,
    });
    const { certificatePem, keyPem } = await house.device('pump-1');
    expect(await connackOf(house, { certificatePem, keyPem }, 'pump-1')).toBe(0);
    passedMs = 80 * day;
    const wait = { timeout: 20_000 };
    const owners = async () =>
      (await shown()).flatMap(({ labels }) => (labels['alertname'] === 'expiry_approaching' ? [labels['owner']] : []));
    await expect.poll(owners, wait).toEqual(['tests']);
    await house.gateway.operations.setDevice({ id: 'pump-1', owner: 'anna' });
    await expect.poll(owners, wait).toEqual(['anna']);
  }, 120_000);
});
