// The shell client takes the steps of roots: openssl checks them, and mosquitto's clients are given one root at a time.
import { describe } from 'vitest';
import { missing } from './missing.ts';
import { ShellBoard, shellClients } from './trust-devices/shell-board.ts';
import { trustSuite } from './trust-devices/suite.ts';

describe.skipIf(missing(...shellClients, 'openssl'))('the shell client', () => {
  trustSuite<ShellBoard>({
    name: 'sh',
    make: (bench, id, className = 'default') => ShellBoard.make(bench, id, className),
    cuts: { 'after any message, any write and any rename': (device, at) => device.cut(at) },
  });
});
