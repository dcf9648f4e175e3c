// A sample of what test/broker/two-parsers.long.test.ts compares, and that whole packets do take the short way.
import mqttPacket from 'mqtt-packet';
import { expect, it } from 'vitest';
import type { PacketParser } from '../../src/broker/aedes-internals.ts';
import { parseDirectly } from '../../src/broker/direct-parser.ts';
import { generate, publishBytes } from './harness.ts';
import { compareParsers } from './two-parsers.ts';

const packets = 20_000;

it('makes of packets what mqtt-packet makes of them, however they are cut', () => {
  const outcome = compareParsers(packets, 1);
  // Most streams hold something that ends them before all of their packets were parsed.
  expect(outcome.packets).toBeGreaterThan(packets / 5);
  expect(outcome.errors).toBeGreaterThan(packets / 50);
});

it('gives mqtt-packet nothing of a PUBLISH, PUBACK or PINGREQ that is whole', () => {
  const parser = mqttPacket.parser() as unknown as PacketParser & {
    on(event: 'packet', taken: (p: object) => void): void;
  };
  const given: Uint8Array[] = [];
  const parse = parser.parse.bind(parser);
  parser.parse = (bytes) => {
    given.push(bytes);
    return parse(bytes);
  };
  parseDirectly(parser);
  const commands: unknown[] = [];
  parser.on('packet', (packet) => commands.push((packet as { cmd?: unknown }).cmd));
  const whole = [
    publishBytes('a/b', 1, Buffer.from('x')),
    generate({ cmd: 'puback', messageId: 7 }),
    generate({ cmd: 'pingreq' }),
  ];
  const large = publishBytes('a/b', 0, Buffer.alloc(300));
  parser.parse(Buffer.concat([...whole, large.subarray(0, 100)]));
  parser.parse(Buffer.concat([large.subarray(100), ...whole]));
  expect(commands).toEqual(['publish', 'puback', 'pingreq', 'publish', 'publish', 'puback', 'pingreq']);
  expect(Buffer.concat(given)).toEqual(large);
});
