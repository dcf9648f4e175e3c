// Connections that wait for a client id another one has: in turn, one from each address, judged again, and never for a session that is
// not there.
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, connectPacket, House, packetsOf, until } from './harness.ts';
import type { Credential } from './test-pki.ts';

let house: House;
let credential: Credential;
beforeEach(async () => {
  house = await House.open();
  credential = await house.device('d1');
});
afterEach(() => house.close());

/** For ever, as far as a test is concerned. */
const long = 600_000;

async function come(
  localAddress = '127.0.0.1',
): Promise<{ socket: TLSSocket; ended: Promise<void>; code: () => number | undefined }> {
  const socket = await house.raw(credential, { localAddress });
  const ended = closed(socket);
  const packets = packetsOf(socket);
  socket.write(connectPacket('d1'));
  const code = () => packets.flatMap((packet) => (packet.cmd === 'connack' ? [packet.returnCode] : []))[0];
  return { socket, ended, code };
}

async function admitted(localAddress?: string) {
  const one = await come(localAddress);
  await until(() => one.code() === 0);
  return one;
}

/** Comes, and has been judged once. */
async function waits(localAddress?: string) {
  const before = house.entrance.admitted.length;
  const one = await come(localAddress);
  await until(() => house.entrance.admitted.length === before + 1);
  return one;
}

describe('a connection that comes for a client id in use', () => {
  it('has it at once where nobody contends, with both addresses told', async () => {
    const first = await admitted('127.0.0.2');
    await admitted('127.0.0.3');
    await first.ended;
    expect(house.entrance.takeovers).toMatchObject([{ over: '127.0.0.2', from: '127.0.0.3' }]);
    expect(house.entrance.takeovers[0]?.silentMs).toBeLessThan(60_000);
  });

  it('waits for its CONNACK while the other has its time, and is judged again then', async () => {
    const first = await admitted();
    house.entrance.tenure = long;
    const second = await waits('127.0.0.2');
    expect(second.code()).toBeUndefined();
    expect(first.socket.destroyed).toBe(false);
    house.entrance.tenure = 0;
    await until(() => second.code() === 0);
    await first.ended;
    expect(house.entrance.admitted).toHaveLength(3);
  });

  it('is refused after its wait when its certificate was revoked meanwhile', async () => {
    const first = await admitted();
    house.entrance.tenure = long;
    const second = await waits('127.0.0.2');
    house.entrance.ledger.delete(credential.fingerprint);
    house.entrance.tenure = 0;
    await until(() => second.code() === 5);
    expect(first.socket.destroyed).toBe(false);
  });

  it('has it as soon as the other has gone, whatever time that had', async () => {
    const first = await admitted();
    house.entrance.tenure = long;
    const second = await waits('127.0.0.2');
    first.socket.destroy();
    await until(() => second.code() === 0);
  });

  it('takes nothing from anybody when it has gone itself', async () => {
    const first = await admitted();
    house.entrance.tenure = long;
    const second = await waits('127.0.0.2');
    second.socket.end();
    await second.ended;
    const third = await waits('127.0.0.3');
    house.entrance.tenure = 0;
    await until(() => third.code() === 0);
    await first.ended;
    expect(house.entrance.takeovers.map(({ from }) => from)).toEqual(['127.0.0.3']);
  });

  it('waits once from each address, and from a bounded number of them', async () => {
    await admitted();
    house.entrance.tenure = long;
    const first = await waits('127.0.0.2');
    const again = await waits('127.0.0.2');
    await until(() => first.code() === 3);
    for (let i = 3; i < 10; i += 1) await waits(`127.0.0.${i}`);
    const tooMany = await waits('127.0.0.10');
    await until(() => tooMany.code() === 3);
    // Whoever came again keeps the place it had: it is the first whose turn comes.
    house.entrance.tenure = 0;
    await until(() => again.code() === 0);
    expect(house.entrance.takeovers[0]?.from).toBe('127.0.0.2');
  });

  it('holds up no other client id', async () => {
    await admitted();
    house.entrance.tenure = long;
    await waits('127.0.0.2');
    const other = await house.device('d2');
    const client = await house.connected(other, 'd2');
    expect(client.connected).toBe(true);
  });
});
