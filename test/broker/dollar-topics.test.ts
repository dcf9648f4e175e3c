// Roots that begin with `$` and are the application's: a list opens them by name, and no wildcard at the first level ever does, live,
// retained, queued or as a will.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMqttPersistence } from '../../src/store/mqtt/persistence.ts';
import { openDatabase } from '../../src/store/sqlite/database.ts';
import { temporaryFolder } from '../contract/mqtt/broker.ts';
import { House, inbox, until } from './harness.ts';

const aws = '$aws/things/d1/shadow/update';
let house: House;
let folder: ReturnType<typeof temporaryFolder>;

beforeEach(async () => {
  folder = temporaryFolder();
  const database = openDatabase(`${folder.path}/nolapse.db`);
  const persistence = createMqttPersistence(database, {
    mayStore: (clientId, filter) => house.broker.mayStore(clientId, filter),
    queuedMessagesMax: 100,
    queuedBytesMax: 100_000,
    onDropped: () => undefined,
  });
  house = await House.open({}, { persistence });
  house.onClose(() => database.close());
});
afterEach(async () => {
  await house.close();
  folder.remove();
});

const cloud = { publish: ['$aws/things/d1/#', 'devices/d1/#'], subscribe: ['#', '+/#', '$aws/things/d1/#'] };

describe('a topic below $aws', () => {
  it('reaches who subscribed to its root, live, from the queue and retained, and nobody by a wildcard', async () => {
    const credential = await house.service('d1', cloud);
    const named = await house.connected(credential, 'd1:named', { clean: false });
    const wild = await house.connected(credential, 'd1:wild', { clean: false });
    const [heard, wildly] = [inbox(named), inbox(wild)];
    await named.subscribeAsync('$aws/things/d1/#', { qos: 1 });
    await wild.subscribeAsync(['#', '+/things/#', '+/#'], { qos: 1 });
    const device = await house.connected(credential, 'd1');
    await device.publishAsync(aws, 'live', { qos: 1, retain: true });
    await device.publishAsync('devices/d1/end', 'of live', { qos: 1 });
    await until(() => heard.length === 1 && wildly.length > 0);
    expect([heard, wildly]).toEqual([[`${aws} live`], ['devices/d1/end of live']]);
    await Promise.all([named.endAsync(), wild.endAsync()]);
    await device.publishAsync(aws, 'queued', { qos: 1 });
    await device.publishAsync('devices/d1/end', 'of queued', { qos: 1 });
    const again = house.client(credential, 'd1:named', { clean: false });
    const wildAgain = house.client(credential, 'd1:wild', { clean: false });
    const [later, wildLater] = [inbox(again), inbox(wildAgain)];
    await until(() => later.length === 1 && wildLater.length === 1);
    expect([later, wildLater]).toEqual([[`${aws} queued`], ['devices/d1/end of queued']]);
    const late = await house.connected(credential, 'd1:late');
    const kept = inbox(late);
    await late.subscribeAsync(['#', '+/#']);
    await late.subscribeAsync('$aws/things/d1/#');
    await until(() => kept.length > 0);
    expect(kept).toEqual([`${aws} live`]);
  });

  it('takes a will', async () => {
    const credential = await house.service('d1', cloud);
    const reader = await house.connected(credential, 'd1:reader');
    const heard = inbox(reader);
    await reader.subscribeAsync('$aws/things/d1/#');
    const will = { topic: '$aws/things/d1/gone', payload: Buffer.from('x'), qos: 1 as const, retain: false };
    const dying = await house.connected(credential, 'd1', { will });
    dying.stream.destroy();
    await until(() => heard.length === 1);
    expect(heard).toEqual(['$aws/things/d1/gone x']);
  });

  it('is denied to who may publish only to #, and to who has no list for it', async () => {
    for (const [id, publish] of [
      ['d1', ['#', '+/things/#']],
      ['d2', ['devices/d2/#']],
    ] as const) {
      const client = await house.connected(await house.service(id, { publish: [...publish], subscribe: [] }), id);
      await client.publishAsync('$aws/things/d1/x', 'x', { qos: 1 });
      expect(house.entrance.denials.at(-1)).toEqual({ action: 'publish', topic: '$aws/things/d1/x' });
    }
  });
});

describe('a session that is kept', () => {
  it('is present at the next connect, with or without subscriptions, and after a clean one it is not [MQTT-3.2.2-2]', async () => {
    const credential = await house.device('d9');
    const isPresent = (clean: boolean): Promise<boolean> =>
      new Promise((resolve) => {
        const client = house.client(credential, 'd9', { clean });
        client.once('connect', ({ sessionPresent }) => {
          client.end(false, () => resolve(sessionPresent));
        });
      });
    expect(await isPresent(false)).toBe(false);
    expect(await isPresent(false)).toBe(true);
    expect(await isPresent(true)).toBe(false);
    expect(await isPresent(false)).toBe(false);
    const client = await house.connected(credential, 'd9', { clean: false });
    await client.subscribeAsync('devices/d9/x');
    await client.unsubscribeAsync('devices/d9/x');
    await client.endAsync();
    expect(await isPresent(false)).toBe(true);
    expect(house.entrance.denials).toEqual([]);
  });
});
