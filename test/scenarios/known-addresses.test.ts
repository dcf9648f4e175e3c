// A fleet that comes back after a restart, while strangers hold all places that strangers may have.
import { connect as connectTcp, type Socket } from 'node:net';
import type { IClientOptions } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { openDatabase } from '../../src/store/sqlite/database.ts';
import { KnownBlockTable } from '../../src/store/sqlite/known-blocks.ts';
import { until } from '../broker/harness.ts';
import { temporaryFolder } from '../contract/mqtt/broker.ts';
import { connackOf, type House, openHouse, quickClasses } from './harness.ts';

/** Of twenty connections, those that strangers may hold. */
const limits = 'limits: { connections: 20, connectionsPerAddress: 20, unknownShare: 20% }';
const strangersPlaces = 4;

let house: House;
const strangers: Socket[] = [];
afterEach(async () => {
  for (const socket of strangers.splice(0)) socket.destroy();
  await house?.close();
});

/** Takes every place that strangers may have, and keeps it. */
async function crowd(): Promise<void> {
  let refused = 0;
  for (let index = 1; index <= strangersPlaces + 2; index += 1) {
    const socket = connectTcp({ host: '127.0.0.1', port: house.gateway.ports.mqtt, localAddress: `127.0.2.${index}` });
    strangers.push(socket);
    socket.on('error', () => undefined).resume();
    socket.once('close', () => {
      refused += 1;
    });
  }
  await until(() => refused === 2);
}

/** What the devices are told when they connect, each from its own address: 0, or null where the connection was closed. */
function come(fleet: readonly IssuedView[], network: string): Promise<(number | null)[]> {
  return Promise.all(
    fleet.map((issued, index) => {
      const from = { host: '127.0.0.1', localAddress: `${network}.${index + 1}` } as IClientOptions;
      return connackOf(house, issued, `d${index}`, from);
    }),
  );
}

describe('a fleet that comes back after a restart', () => {
  it('finds room at the addresses it came from before, while strangers hold all that is theirs', async () => {
    house = await openHouse({ yaml: `${quickClasses}${limits}` });
    const fleet: IssuedView[] = [];
    for (let index = 0; index < 3; index += 1) fleet.push(await house.device(`d${index}`, { class: 'patient' }));
    expect(await come(fleet, '127.0.1')).toEqual([0, 0, 0]);
    await house.restart();
    await crowd();
    expect(await come(fleet, '127.0.1')).toEqual([0, 0, 0]);
    // The same devices at addresses of which nothing is known.
    expect(await come(fleet, '127.0.3')).toEqual([null, null, null]);
  });
});

describe('the table of known addresses', () => {
  it('gives back the newest, forgets what is old and keeps no more than it may', async () => {
    const folder = temporaryFolder();
    const file = `${folder.path}/nolapse.db`;
    const first = openDatabase(file);
    const table = new KnownBlockTable(first);
    const kept = { keptSince: 0, most: 10 };
    await table.note(['a', 'b'], 1_000, kept);
    await table.note(['c', 'd'], 2_000, kept);
    await table.note(['a'], 3_000, kept);
    await first.close();
    const second = openDatabase(file);
    const reopened = new KnownBlockTable(second);
    expect([reopened.load(10).at(-1), reopened.load(10)[0], reopened.load(10).length]).toEqual(['a', 'b', 4]);
    expect(reopened.load(1)).toEqual(['a']);
    await reopened.note(['e'], 4_000, { keptSince: 2_000, most: 10 });
    expect(reopened.load(10).toSorted()).toEqual(['a', 'c', 'd', 'e']);
    await reopened.note(['f'], 5_000, { keptSince: 0, most: 2 });
    expect(reopened.load(10)).toEqual(['e', 'f']);
    await second.close();
    folder.remove();
  });
});
