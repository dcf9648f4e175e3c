// The gateway is killed with SIGKILL between a revocation and what its authority is owed of it, and right after the authority was told:
// in both cases the authority hears of it, with the same words each time.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DeviceView } from '../../src/app/views/devices.ts';
import { Mortal } from './mortal.ts';

const yaml = `
mqtt: { port: 0 }
http: { port: 0 }
sweep: { interval: 100ms }
classes: { default: { lifetime: 1h, overlap: 10m, grace: 1h } }
`;

let home: string;
let heard: string;
let gateway: Mortal;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-kill-'));
  heard = join(home, 'heard.jsonl');
  writeFileSync(join(home, 'nolapse.yaml'), yaml);
});
afterEach(async () => {
  await gateway.kill();
  rmSync(home, { recursive: true, force: true });
});

const told = (): unknown[] => {
  if (!existsSync(heard)) return [];
  const lines = readFileSync(heard, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as unknown);
};

it.each([
  ['before the authority was told', 'certificate.revoked', 0],
  ['before it was noted that the authority was told', 'revocation.told', 1],
])('killed %s, tells it after the start', { timeout: 60_000 }, async (_, deadly, before) => {
  gateway = await Mortal.start(home, '', heard);
  await gateway.call('addDevice', { id: 'pump-1', owner: 'tests' });
  await gateway.call('issueDevice', { id: 'pump-1' });
  const device = await gateway.call<DeviceView>('showDevice', { id: 'pump-1' });
  const { fingerprint = '', serial } = device.certificates[0] ?? {};
  const revocation = { id: fingerprint, reason: 'keyCompromise' };
  expect(await gateway.dieOf(deadly, 'revokeCertificate', revocation)).toBe('SIGKILL');
  expect(told()).toHaveLength(before);

  gateway = await Mortal.start(home, '', heard);
  await gateway.told('revocation.told');
  const { certificates } = await gateway.call<DeviceView>('showDevice', { id: 'pump-1' });
  const word = { serial, reason: 'keyCompromise', revokedAt: certificates[0]?.revokedAt };
  expect(told()).toEqual(Array.from({ length: before + 1 }, () => word));

  await gateway.kill();
  gateway = await Mortal.start(home, '', heard);
  await gateway.call('addDevice', { id: 'pump-2', owner: 'tests' });
  await gateway.call('issueDevice', { id: 'pump-2' });
  const other = await gateway.call<DeviceView>('showDevice', { id: 'pump-2' });
  const next = { id: other.certificates[0]?.fingerprint ?? '', reason: 'superseded' };
  await gateway.call('revokeCertificate', next);
  await gateway.told('revocation.told');
  expect(told()).toHaveLength(before + 2);
});
