// What the inventory takes about a device, by hand and from files, and how it names what it does not take.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse } from './harness.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.close());

const importing = (format: 'csv' | 'jsonl', text: string) => house.gateway.operations.importDevices({ format, text });
const recordOf = async (id: string) => (await house.gateway.operations.showDevice({ id })).principal;

describe('what a device can do', () => {
  it('is read from CSV, modes apart by blanks or bars', async () => {
    const text = `id,owner,encoding,modes,maxPacket,slots
tiny-1,water,cbor,csr recertify,128,1
tiny-2,water,,recertify|keygen,268435455,1000
tiny-3,water,,,,
`;
    expect(await importing('csv', text)).toEqual({ added: 3, updated: 0, unchanged: 0 });
    expect(await recordOf('tiny-1')).toMatchObject({
      encoding: 'cbor',
      modes: ['csr', 'recertify'],
      packetBytesMax: 128,
      slots: 1,
    });
    expect(await recordOf('tiny-2')).toMatchObject({
      modes: ['recertify', 'keygen'],
      packetBytesMax: 268_435_455,
      slots: 1_000,
    });
    expect(await recordOf('tiny-3')).toMatchObject({ encoding: null, modes: [], packetBytesMax: null, slots: null });
  });

  it('is read from JSON lines, as lists and numbers or as text', async () => {
    const rows = [
      { id: 'tiny-1', owner: 'water', modes: ['keygen'], maxPacket: 256, slots: 2 },
      { id: 'tiny-2', owner: 'water', modes: 'csr|keygen', maxPacket: '256', slots: '2' },
      { id: 'tiny-3', owner: 'water', modes: null, maxPacket: null, slots: null, site: null },
    ];
    const text = rows.map((row) => JSON.stringify(row)).join('\n');
    expect(await importing('jsonl', text)).toEqual({ added: 3, updated: 0, unchanged: 0 });
    expect(await recordOf('tiny-1')).toMatchObject({ modes: ['keygen'], packetBytesMax: 256, slots: 2 });
    expect(await recordOf('tiny-2')).toMatchObject({ modes: ['csr', 'keygen'], packetBytesMax: 256, slots: 2 });
    expect(await recordOf('tiny-3')).toMatchObject({ modes: [], packetBytesMax: null, slots: null });
    const changed = JSON.stringify({ id: 'tiny-1', owner: 'water', modes: ['csr'], slots: 1 });
    expect(await importing('jsonl', changed)).toEqual({ added: 0, updated: 1, unchanged: 0 });
    expect(await recordOf('tiny-1')).toMatchObject({ modes: ['csr'], packetBytesMax: 256, slots: 1 });
  });

  it('is refused by line and field where it cannot be, and nothing is taken', async () => {
    const text = `id,owner,modes,maxPacket,slots
good-1,water,csr,256,1
bad-1,water,rsa,256,1
bad-2,water,csr csr,256,1
bad-3,water,csr,127,1
bad-4,water,csr,268435456,1
bad-5,water,csr,0x100,1
bad-6,water,csr,256,0
bad-7,water,csr,256,1001
bad-8,water,csr,256,1.5
`;
    const packet = 'maxPacket: not a whole number from 128 to 268435455';
    const slots = 'slots: not a whole number from 1 to 1000';
    await expect(importing('csv', text)).rejects.toMatchObject({
      code: 'invalid',
      faults: [
        'line 3: modes: not all of them are one of csr, recertify, keygen',
        'line 4: modes: one is listed twice',
        `line 5: ${packet}`,
        `line 6: ${packet}`,
        `line 7: ${packet}`,
        `line 8: ${slots}`,
        `line 9: ${slots}`,
        `line 10: ${slots}`,
      ],
    });
    await expect(recordOf('good-1')).rejects.toMatchObject({ code: 'not_found' });
    for (const modes of [7, { csr: true }, [['csr']], ['csr', 7], 'csr,recertify']) {
      const row = JSON.stringify({ id: 'odd-1', owner: 'water', modes });
      await expect(importing('jsonl', row)).rejects.toMatchObject({
        faults: [expect.stringMatching(/^line 1: modes: not all/)],
      });
    }
    for (const row of ['{"id":null,"owner":"water"}', '{"owner":"water"}']) {
      await expect(importing('jsonl', row)).rejects.toMatchObject({ faults: ['line 1: id: missing'] });
    }
  });

  it('is refused for a column that means nothing before anybody fills it in, but not for what has no name', async () => {
    await expect(importing('csv', 'id,owner,onwer\ngood-1,water,\n')).rejects.toMatchObject({
      faults: ['line 2: onwer: no such field'],
    });
    await importing('csv', 'id,owner,\ngood-1,water,\n');
    expect(await recordOf('good-1')).toMatchObject({ owner: 'water' });
    await expect(importing('csv', 'id,owner,\ngood-2,water,x\n')).rejects.toMatchObject({
      faults: ['line 2: a field without a name: no such field'],
    });
  });

  it('is refused by hand with the same words', async () => {
    const { addDevice } = house.gateway.operations;
    await expect(addDevice({ id: 'tiny-1', owner: 'water', maxPacket: 64, slots: 1.5 })).rejects.toMatchObject({
      faults: ['maxPacket: not a whole number from 128 to 268435455', 'slots: not a whole number from 1 to 1000'],
    });
    const added = await addDevice({ id: 'tiny-1', owner: 'water', modes: ['keygen'], maxPacket: 512, slots: 1 });
    expect(added).toMatchObject({ modes: ['keygen'], packetBytesMax: 512, slots: 1 });
  });
});
