// A timer of more than 2^31-1 ms (24.8 days) overflows and fires at once. Lives and pauses of years must come to nobody's timer: what has
// its time far ahead is looked for, not waited for.
import { expect, it } from 'vitest';
import { Backoff, pause } from '../../src/simulator/pause.ts';
import { connect, openHouse } from './harness.ts';

const longest = `
classes:
  default: { lifetime: 3650d, renewAt: 66%, overlap: 365d, grace: 365d, retryFirst: 30d, retryMax: 365d }
crl: { validity: 365d }
journal: { retention: 3650d }
findings: { every: 30d }
limits: { sessionExpiry: 3650d, keepalive: 65535s }
`;

/** Node warns of each timer that overflows, in a later turn. */
async function overflows(work: () => Promise<void>): Promise<number> {
  let count = 0;
  const onWarning = ({ name }: Error): void => {
    if (name === 'TimeoutOverflowWarning') count += 1;
  };
  process.on('warning', onWarning);
  try {
    await work();
    await new Promise((resolve) => setImmediate(resolve));
    return count;
  } finally {
    process.off('warning', onWarning);
  }
}

it('is noticed where one overflows', async () => {
  expect(await overflows(async () => clearTimeout(setTimeout(() => undefined, 2 ** 31)))).toBe(1);
});

it('no timer overflow with lives of ten years: nothing is due at once, and no session ends', async () => {
  const count = await overflows(async () => {
    const house = await openHouse({ yaml: longest });
    const credentials = await house.device('dev-1');
    const client = await connect(house, credentials, 'dev-1', { keepalive: 65_535 });
    const renewal = await house.gateway.operations.runRenewal({ device: 'dev-1' });
    await client.subscribeAsync('$enroll/1/dev-1/+', { qos: 1 });
    await house.log.until('renewal.offered', { 'nolapse.renewal': renewal.id });
    await house.restart();
    const again = await connect(house, credentials, 'dev-1', { keepalive: 65_535 });
    // Several rounds of the sweep, which would have taken up whatever fired early.
    for (let rounds = 0; rounds < 5; rounds += 1) await house.gateway.operations.lookOver();
    expect(again.connected).toBe(true);
    expect(house.log.count('session.ended')).toBe(0);
    expect(house.log.count('renewal.offered')).toBe(1);
    await client.endAsync(true);
    await again.endAsync(true);
    await house.close();
  });
  expect(count).toBe(0);
});

it('a simulated device sleeps for a month and more, and is woken', async () => {
  const waking = new AbortController();
  const count = await overflows(async () => {
    const months = pause(90 * 86_400_000, waking.signal);
    const hasEnded = await Promise.race([months, new Promise((resolve) => setTimeout(resolve, 50, 'asleep'))]);
    expect(hasEnded).toBe('asleep');
    waking.abort();
    expect(await months).toBe(false);
    expect(new Backoff(1, 365 * 86_400_000).next()).toBeLessThan(2);
  });
  expect(count).toBe(0);
});
