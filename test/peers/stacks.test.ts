// Real handshakes of every TLS stack that can be had here, with the chains that a rollover of the root shows to devices: who accepts what
// with which roots, over which version, and what the broker sees of who does not. The table is in test/peers/stacks/table.ts.
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missing } from './missing.ts';
import { makeChains, type Trust } from './stacks/chains.ts';
import { type Client, makers, openWorkshop, type Workshop } from './stacks/clients.ts';
import { Listeners, type Seen } from './stacks/listeners.ts';
import { accepts, type Case, cases, identifies, type Stack, type StackName, stacks } from './stacks/table.ts';

let workshop: Workshop;
beforeAll(() => {
  workshop = openWorkshop(makeChains());
});
afterAll(() => {
  for (const client of workshop.started) client.end();
  rmSync(workshop.folder, { recursive: true });
});

interface Handshake extends Seen {
  readonly trust: Trust;
  /** What the client itself says. */
  readonly connected: boolean;
  readonly said: string;
}

/** One connection after the other: what a server sees is of the client that was asked. */
async function shakeHands(client: Client, listeners: Listeners, stack: Stack): Promise<Handshake[]> {
  const seen: Handshake[] = [];
  for (const version of stack.versions) {
    for (const { trust, scene } of cases) {
      const [one, answer] = await Promise.all([listeners.next(), client(listeners.port(scene, version), trust)]);
      expect(one).toMatchObject({ scene, version });
      seen.push({ ...one, ...answer, trust });
    }
  }
  return seen;
}

const inWords = (version: string, { trust, scene }: Case, isAccepted: boolean): string =>
  `${version}: with roots ${trust}, ${scene} is ${isAccepted ? 'accepted' : 'refused'}`;

function holdAgainst(stack: Stack, handshakes: readonly Handshake[]): void {
  const details = JSON.stringify(handshakes, null, 1);
  const verdicts = handshakes.map((each) => inWords(each.version, each, each.connected));
  expect(verdicts, details).toEqual(handshakes.map((each) => inWords(each.version, each, accepts(stack, each))));
  // Client and server agree: what one takes for a connection is one for the other.
  expect(handshakes.filter(({ connected, served }) => connected !== served)).toEqual([]);

  const served = handshakes.filter((each) => each.served);
  const shown = served.map(({ version, scene, identified }) => ({ version, scene, identified }));
  expect(shown).toEqual(shown.map((each) => ({ ...each, identified: identifies(stack, each.scene) })));
  expect(new Set(served.map(({ name }) => name))).toEqual(new Set([stack.sniWithoutDot ? 'localhost' : null]));

  // A chain to a root that it does not have: a date, a path length or a name that is wrong may be another alert.
  const isUnknown = ({ trust, scene }: Case) => trust !== 'expired' && !['crossLimited', 'misnamed'].includes(scene);
  const distrusted = handshakes.filter((each) => !each.connected && isUnknown(each));
  expect(distrusted.length).toBeGreaterThan(0);
  for (const { version, alert, handshake } of distrusted) {
    expect({ version, alert, handshake }, details).toEqual({
      version,
      alert: stack.distrust.alert,
      handshake: stack.distrust.handshakeIn.includes(version),
    });
  }
}

describe.concurrent('a TLS stack in a rollover of the root', () => {
  // The first run compiles the standard library of Go and the packages of rustls.
  it.for(stacks.map((stack): Stack => stack))('$name', { timeout: 300_000 }, async (stack, { skip }) => {
    const { needs, make } = makers[stack.name as StackName];
    skip(missing(...needs));
    const listeners = await Listeners.open(workshop.chains, stack.versions);
    holdAgainst(stack, await shakeHands(await make(workshop), listeners, stack).finally(() => listeners.close()));
  });
});
