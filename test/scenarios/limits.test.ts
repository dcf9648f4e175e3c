// The keys that bound what is kept for one device do so in a broker. What they bound in detail: test/contract/sqlite/mqtt-limits.test.ts.
import { afterEach, describe, expect, it } from 'vitest';
import { connect, type House, openHouse } from './harness.ts';
import { publishPacket, Raw } from './raw.ts';

const patient = 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }';

let house: House;
afterEach(() => house.close());

describe('the limits of what is kept', () => {
  it.each([
    'retainedMessages: 2',
    'retainedBytes: 700',
    'retainedMessagesPerPrincipal: 2',
    'retainedBytesPerPrincipal: 700',
  ])('%s', async (limit) => {
    house = await openHouse({ yaml: `${patient}\nlimits: { ${limit} }\n` });
    const device = await connect(house, await house.device('dev-1'), 'dev-1');
    for (const name of ['a', 'b', 'c']) {
      await device.publishAsync(`devices/dev-1/${name}`, 'x'.repeat(300), { qos: 1, retain: true });
    }
    await house.log.until('message.dropped', { 'nolapse.topic': 'devices/dev-1/c' });
    expect(house.log.count('message.dropped')).toBe(1);
    await device.endAsync(true);
  });

  it('sessionsPerPrincipal and sessionExpiry', async () => {
    house = await openHouse({ yaml: `${patient}\nlimits: { sessionsPerPrincipal: 2, sessionExpiry: 1s }\n` });
    const credentials = await house.device('dev-1');
    const there = await connect(house, credentials, 'dev-1:there', { clean: false });
    await there.subscribeAsync('devices/dev-1/#', { qos: 1 });
    const away = await connect(house, credentials, 'dev-1:away', { clean: false });
    await away.subscribeAsync('devices/dev-1/#', { qos: 1 });
    await away.endAsync();
    await house.log.until('session.forgotten', { 'nolapse.client_id': 'dev-1:away' });
    expect(house.log.count('session.forgotten')).toBe(1);
    expect(there.connected).toBe(true);
    await there.endAsync(true);
  });

  it('unreleasedMessages', async () => {
    house = await openHouse({ yaml: `${patient}\nlimits: { unreleasedMessages: 2 }\n` });
    const device = await Raw.connect(house.gateway.ports.mqtt, await house.device('dev-1'), 'dev-1');
    const publish = (messageId: number) => publishPacket('devices/dev-1/x', 'x', { qos: 2, messageId });
    device.send(publish(1), publish(2));
    await device.next('pubrec', 2);
    device.send(publish(3));
    await house.log.until('message.unanswered', { 'nolapse.principal': 'dev-1' });
    device.send({ cmd: 'pubrel', messageId: 1 }, publish(4));
    await device.next('pubcomp');
    expect(device.of('pubrec').map(({ messageId }) => messageId)).toEqual([1, 2]);
  });
});
