// The C client of examples/c takes the steps of roots, under the address and undefined behaviour sanitizers: with both roots for its TLS
// at once, and built for a stack that is given one.
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readServerCertificate } from '../../src/authority/server-certificate.ts';
import { dayMs } from '../../src/domain/time.ts';
import { fingerprintOf } from '../../src/pki/fingerprint.ts';
import { ecKey } from '../pki/made.ts';
import { makeRoot } from '../pki/roots.ts';
import { cAbsent, makeC, sanitizers } from './c-build.ts';
import { exits, type Run } from './device-program.ts';
import { LossyLink, publish } from './lossy-link.ts';
import { Made } from './trust-devices/bad-steps.ts';
import { eachOnABench } from './trust-devices/bench.ts';
import { CBoard } from './trust-devices/c-board.ts';
import { trustSuite } from './trust-devices/suite.ts';

const cuts = {
  'after any message and any write': (device: CBoard, at: number) => device.cut('--die-after', String(at)),
  'in the middle of any write': (device: CBoard, at: number) => device.cut('--tear', String(at)),
  'when a write had only emptied its place': (device: CBoard, at: number) =>
    device.cut('--tear', String(at), '--percent', '0'),
};

let built: string;
beforeAll(() => {
  if (cAbsent) return;
  built = mkdtempSync(join(tmpdir(), 'nolapse-c-trust-'));
  makeC(`${built}/two`, ['all'], sanitizers());
  makeC(`${built}/one`, ['all'], sanitizers('-DROOTS_TOGETHER=1'));
});
afterAll(() => {
  if (!cAbsent) rmSync(built, { recursive: true });
});

describe.skipIf(cAbsent)('the C client', () => {
  describe.each([
    ['with both roots for its TLS', 'two'],
    ['with one root for its TLS', 'one'],
  ] as const)('%s', (_, kind) => {
    trustSuite<CBoard>({
      name: `c-${kind}`,
      make: (bench, id, className = 'default') => CBoard.make(bench, id, className, join(built, kind, 'renew')),
      cuts,
    });
  });
});

describe.skipIf(cAbsent)('the C client and the steps of roots', () => {
  const benchNow = eachOnABench();
  const make = (id: string, kind = 'two') => CBoard.make(benchNow(), id, 'default', join(built, kind, 'renew'));

  /** Runs until it has connected under this root. @returns the last run. */
  async function provedUnder(device: CBoard, root: number): Promise<Run> {
    let run = await device.run();
    for (let more = 0; more < 4 && device.committed().root !== benchNow().root(root); more += 1) {
      benchNow().pass(dayMs / 12);
      run = await device.run();
    }
    expect(device.committed(), run.said).toEqual({ port: benchNow().port(root), root: benchNow().root(root) });
    return run;
  }

  it('takes one within packets of 128 bytes, with an id of 64 characters', async () => {
    makeC(`${built}/small`, ['all'], 'CFLAGS=-O2 -DPACKET_MAX=128');
    const device = await make('c'.repeat(64), 'small');
    await benchNow().rollover.open(2);
    await benchNow().rollover.release('successor', 1);
    const { said } = await provedUnder(device, 2);
    expect(Number(/largest packet in (\d+)/.exec(said)?.[1])).toBeLessThanOrEqual(128);
  });

  it('renews its certificate and takes a step in one run', async () => {
    const bench = benchNow();
    const device = await make('c-both');
    await device.run();
    await bench.house.gateway.operations.runRenewal({ device: device.id });
    await bench.rollover.open(2);
    await bench.rollover.release('successor', 1);
    const run = await device.run();
    expect(run.code, run.said).toBe(exits.renewed);
    expect(device.held(), run.said).toEqual([bench.root(1), bench.root(2)]);
    expect(device.committed().root).toBe(bench.root(2));
    await bench.house.log.until('renewal.confirmed', { 'nolapse.principal': device.id });
    console.log(`a renewal and a step: ${run.said.split('\n').slice(-3).join('; ')}`);
  });

  it.each([
    ['refuses the certificate', Buffer.from([0x20, 2, 0, 5])],
    ['ends the connection', Buffer.alloc(0)],
  ])('commits nothing where the announced port is trusted, and then %s', async (_, connack) => {
    const bench = benchNow();
    const device = await make('c-no-connack');
    const open = await bench.rollover.open(2);
    open.close();
    const server = readServerCertificate(bench.rollover.root(2).folder, null);
    const stranger = createServer({
      key: server?.keyPem,
      cert: server?.certificatePem,
      requestCert: true,
      rejectUnauthorized: false,
    });
    const connects: string[] = [];
    stranger.on('secureConnection', (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        connects.push(socket.getPeerX509Certificate()?.subject ?? '');
        socket.end(connack);
      });
    });
    stranger.on('tlsClientError', () => undefined);
    stranger.listen(bench.port(2), '127.0.0.1');
    await once(stranger, 'listening');
    try {
      await bench.rollover.release('successor', 1);
      const { said } = await device.run();
      expect(connects, said).toEqual([`CN=${device.id}`]);
      await bench.house.log.until('trust.failed', { 'event.reason': 'port_unreachable' });
      expect(device.held()).toEqual([bench.root(1), bench.root(2)]);
      expect(device.committed()).toEqual({ port: bench.port(1), root: bench.root(1) });
    } finally {
      stranger.close();
    }
    await bench.rollover.reopen(2);
    await provedUnder(device, 2);
  });

  it('comes through two rollovers that it slept through when it is cut off anywhere in them', {
    timeout: 400_000,
  }, async () => {
    const bench = benchNow();
    for (const number of [2, 3]) await bench.rollover.open(number);
    await bench.rollover.release('successor', 1);
    await bench.rollover.release('drop', 2);
    await bench.rollover.release('successor', 2);
    const moments = 4;
    let isOver = false;
    let cutOff = 0;
    const cutAt = async (at: number): Promise<void> => {
      const device = await make(`c-asleep-${at}`, at % 2 === 0 ? 'one' : 'two');
      const cut = await device.cut('--tear', String(at));
      isOver ||= cut === null;
      if (!cut) return;
      cutOff += 1;
      const last = await provedUnder(device, 3);
      expect(device.held(), `${cut.said}${last.said}`).toEqual([bench.root(2), bench.root(3)]);
    };
    for (let at = 1; !isOver; at += moments) {
      await Promise.all(Array.from({ length: moments }, (_, more) => cutAt(at + more)));
    }
    expect(cutOff).toBeGreaterThan(60);
    expect(bench.house.log.count('trust.failed')).toBe(0);
    expect(bench.house.log.count('admission.refused')).toBe(0);
  });

  it.each(['lose', 'break', 'repeat', 'hold'] as const)(
    'takes a step whichever of its packets it is that the link will %s',
    { timeout: 300_000 },
    async (fate) => {
      const bench = benchNow();
      await bench.rollover.open(2);
      await bench.rollover.release('successor', 1);
      const server = readServerCertificate(join(bench.house.home, 'pki'), null);
      if (!server) throw new Error('no server certificate');
      const identity = { cert: server.certificatePem, key: server.keyPem };
      const target = () => bench.house.gateway.ports.mqtt;
      const isAny = fate === 'lose' || fate === 'break';
      let isOver = false;
      let hits = 0;
      const over = async (number: number): Promise<void> => {
        const device = await make(`c-${fate}-${number}`);
        const own = createPrivateKey({
          key: readFileSync(join(device.folder, 'key.der')),
          format: 'der',
          type: 'sec1',
        });
        let isHit = false;
        const link = await LossyLink.open({
          identity,
          target,
          key: () => own,
          fate: ({ at, type }) => {
            if (isHit || at < number || !(isAny || type === publish)) return 'pass';
            isHit = true;
            return fate;
          },
        });
        try {
          for (let run = 0; run < 4 && device.committed().root !== bench.root(2); run += 1) {
            if (run > 0) bench.pass(dayMs / 12);
            const { said } = await device.runAt(link.port, '--answer', '2', '--wait', '5', '--tries', '8');
            expect(said).not.toContain('refused');
          }
          expect(device.committed()).toEqual({ port: bench.port(2), root: bench.root(2) });
        } finally {
          await link.close();
        }
        if (isHit) hits += 1;
        else isOver = true;
      };
      for (let at = 0; !isOver; at += 6) await Promise.all([0, 1, 2, 3, 4, 5].map((more) => over(at + more)));
      expect(hits).toBeGreaterThan(isAny ? 15 : 8);
      expect(bench.house.log.count('trust.failed')).toBe(0);
      expect(bench.house.log.count('admission.refused')).toBe(0);
    },
  );

  const announced = async (parts: Parameters<typeof makeRoot>[1]) => {
    const bench = benchNow();
    const device = await make('c-root');
    await device.run();
    const made = new Made(bench);
    const sequence = Math.floor(Date.now() / 1_000);
    const { der } = makeRoot('next root', parts);
    await bench.announce(made.signed(made.successor(1, der, sequence), 1), sequence, 1);
    const { said } = await device.run();
    return { device, said, named: fingerprintOf(der) };
  };

  it.each([
    ['no CA', { ca: false }],
    ['of path length 0', { pathLength: 0 }],
    ['not to sign certificates', { usages: ['cRLSign'] }],
    ['signed by another key', { signedWith: ecKey() }],
    ['issued by another', { by: makeRoot('another root') }],
  ] satisfies [string, Parameters<typeof makeRoot>[1]][])(
    'does not take a root that is %s, though the root before names it',
    async (_, parts) => {
      const { device, said } = await announced(parts);
      await benchNow().house.log.until('trust.failed', { 'event.reason': 'malformed_step' });
      expect(device.held(), said).toEqual([benchNow().root(1)]);
    },
  );

  it.each([
    ['of path length 1', { pathLength: 1 }],
    ['with a key on P-384', { key: ecKey('P-384') }],
  ])('takes a root %s', async (_, parts) => {
    const { device, said, named } = await announced(parts);
    expect(device.held(), said).toEqual([benchNow().root(1), named]);
  });

  it('finds its roots in their steps when both copies of its record are lost', async () => {
    const bench = benchNow();
    const device = await make('c-lost');
    for (const next of [2, 3]) {
      await bench.rollover.open(next);
      await bench.rollover.release('successor', next - 1);
      await provedUnder(device, next);
      await bench.rollover.release('drop', next);
      await device.run();
      await device.run();
      expect(device.held()).toEqual([bench.root(next)]);
    }
    for (const name of ['trust0', 'trust1']) rmSync(join(device.folder, name));
    // The port that the device was made for shows the second root by then.
    const { said } = await device.runAt(bench.port(2));
    expect(said).toContain('found again in the steps');
    // It came under an older root than before, and was told everything anew.
    await bench.house.log.until('trust.reopened', { 'nolapse.principal': device.id });
    await provedUnder(device, 3);
    expect(device.held().at(-1)).toBe(bench.root(3));
  });

  it('does not find a root again that withdrew itself', async () => {
    const bench = benchNow();
    const device = await make('c-withdrawn');
    await bench.rollover.open(2);
    await bench.rollover.release('successor', 1);
    await provedUnder(device, 2);
    await bench.rollover.release('withdraw', 2);
    const { said } = await device.run();
    expect(device.held(), said).toEqual([bench.root(1)]);
    for (const name of ['trust0', 'trust1']) rmSync(join(device.folder, name));
    await device.run();
    expect(device.held()).toEqual([bench.root(1)]);
  });

  it.each(['trust0', 'trust1'])('goes on with the other copy of its record when %s is damaged', async (name) => {
    const bench = benchNow();
    const device = await make(`c-damaged-${name}`);
    await bench.rollover.open(2);
    await bench.rollover.release('successor', 1);
    await provedUnder(device, 2);
    const file = join(device.folder, name);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(bytes.readUInt8(40) ^ 1, 40, 41));
    const { code, said } = await device.run();
    expect(code, said).toBe(exits.nothingOwed);
    expect(device.held()).toEqual([bench.root(1), bench.root(2)]);
    await provedUnder(device, 2);
  });

  it('does without a root that is damaged in its place', async () => {
    const bench = benchNow();
    const device = await make('c-flash');
    await bench.rollover.open(2);
    const renewal = await bench.rollover.release('successor', 1);
    await provedUnder(device, 2);
    const places = ['root0', 'root1', 'root2']
      .map((name) => join(device.folder, name))
      .filter((file) => existsSync(file));
    for (const file of places) {
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.fill(bytes.readUInt8(200) ^ 1, 200, 201));
    }
    const { said } = await device.run();
    expect(said).toContain('a root is damaged');
    // It came under an older root than before, and is told again.
    await bench.house.log.until('trust.reopened', { 'nolapse.principal': device.id });
    await provedUnder(device, 2);
    expect(device.held(), renewal).toEqual([bench.root(1), bench.root(2)]);
  });
});
