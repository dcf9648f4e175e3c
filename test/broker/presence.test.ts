// Coming and leaving: the application hears of every session that began, once when it begins and once when its connection has
// closed; and of no leaving when it is the broker that goes.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { House, until } from './harness.ts';

let house: House;
beforeEach(async () => {
  house = await House.open();
});
afterEach(() => house.close());

const present = (...ids: string[]) => until(() => house.entrance.present.join() === ids.join());

describe('a session', () => {
  it('comes when it is admitted and leaves when its connection closes, cut or not', async () => {
    const credential = await house.device('pump-1');
    const polite = await house.connected(credential, 'pump-1');
    await present('pump-1');
    const cut = await house.connected(credential, 'pump-1:b');
    await present('pump-1', 'pump-1:b');
    cut.stream.destroy();
    await present('pump-1');
    await polite.endAsync();
    await present();
  });

  it('that is taken over leaves after its successor has come', async () => {
    const credential = await house.device('pump-1');
    await house.connected(credential, 'pump-1');
    await house.connected(credential, 'pump-1');
    await present('pump-1');
    await until(() => house.broker.sessionCount === 1);
    expect(house.entrance.present).toEqual(['pump-1']);
  });

  it('that is refused, or revoked while it is admitted, never came', async () => {
    const credential = await house.device('pump-1');
    await house.refusal(credential, 'pump-2');
    house.entrance.before = async () => void house.broker.sessions.closeByPrincipal('pump-1' as never, 'revoked');
    expect(await house.refusal(credential, 'pump-1')).toBe(5);
    expect(house.entrance.admitted).toHaveLength(2);
    expect(house.entrance.present).toEqual([]);
  });

  it('does not leave a broker that closes', async () => {
    const client = await house.connected(await house.device('pump-1'), 'pump-1');
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
    await house.broker.close();
    await closed;
    expect(house.broker.sessionCount).toBe(0);
    expect(house.entrance.present).toEqual(['pump-1']);
  });
});
