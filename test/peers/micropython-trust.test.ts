// The MicroPython client takes the steps of roots: its TLS is given both roots at once, or one at a time.
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readServerCertificate } from '../../src/authority/server-certificate.ts';
import { dayMs } from '../../src/domain/time.ts';
import { LossyLink, publish } from './lossy-link.ts';
import { missing } from './missing.ts';
import { eachOnABench } from './trust-devices/bench.ts';
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

  describe('over a bad line', () => {
    const benchNow = eachOnABench();

    it.each(['lose', 'break', 'repeat', 'hold'] as const)(
      'takes a step whichever of its packets it is that the link will %s',
      { timeout: 300_000 },
      async (fate) => {
        const bench = benchNow();
        await bench.rollover.open(2);
        await bench.rollover.release('successor', 1);
        const server = readServerCertificate(join(bench.house.home, 'pki'), null);
        if (!server) throw new Error('no server certificate');
        const isAny = fate === 'lose' || fate === 'break';
        let isOver = false;
        let hits = 0;
        const over = async (number: number): Promise<void> => {
          const device = await MicroPythonBoard.make(bench, `bad-${fate}-${number}`, 'default', []);
          const der = readFileSync(join(device.folder, 'key.der'));
          const own = createPrivateKey({ key: der, format: 'der', type: 'sec1' });
          let isHit = false;
          const link = await LossyLink.open({
            identity: { cert: server.certificatePem, key: server.keyPem },
            target: () => bench.house.gateway.ports.mqtt,
            key: () => own,
            fate: ({ at, type }) => {
              if (isHit || at < number || !(isAny || type === publish)) return 'pass';
              isHit = true;
              return fate;
            },
          });
          let said = '';
          for (let run = 0; run < 4 && device.committed().root !== bench.root(2); run += 1) {
            if (run > 0) bench.pass(dayMs / 12);
            said += (await device.runAt(link.port, '--answer', '2', '--wait', '5', '--tries', '8')).said;
          }
          await link.close();
          expect(device.committed(), said).toEqual({ port: bench.port(2), root: bench.root(2) });
          if (isHit) hits += 1;
          else isOver = true;
        };
        for (let at = 0; !isOver; at += 6) await Promise.all([0, 1, 2, 3, 4, 5].map((more) => over(at + more)));
        expect(hits).toBeGreaterThan(isAny ? 15 : 6);
        expect(bench.house.log.count('trust.failed')).toBe(0);
        expect(bench.house.log.count('admission.refused')).toBe(0);
      },
    );
  });
});
