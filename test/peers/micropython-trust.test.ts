// The MicroPython client takes the steps of roots: its TLS is given both roots at once, or one at a time.
import { describe } from 'vitest';
import { missing } from './missing.ts';
import { MicroPythonBoard } from './trust-devices/micropython-board.ts';
import { trustSuite } from './trust-devices/suite.ts';

const cuts = {
  'after any message and any write': (device: MicroPythonBoard, at: number) => device.cut('--die-after', String(at)),
  'in the middle of any write': (device: MicroPythonBoard, at: number) => device.cut('--tear', String(at)),
  'when a write had only emptied its place': (device: MicroPythonBoard, at: number) =>
    device.cut('--tear', String(at), '--percent', '0'),
};

describe.skipIf(missing('micropython', 'openssl'))('the MicroPython client', () => {
  describe.each([
    ['with two roots for its TLS', 'two', ['--together', '2']],
    ['with one root for its TLS', 'one', ['--together', '1']],
  ] as const)('%s', (_, name, words) => {
    trustSuite<MicroPythonBoard>({
      name,
      make: (bench, id, className = 'default') => MicroPythonBoard.make(bench, id, className, words),
      cuts,
    });
  });
});
