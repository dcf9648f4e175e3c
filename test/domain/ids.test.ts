// Ids as fleets have them, in pairs that are easily mistaken for each other: nothing that is made of one is ever the other's.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  accessOf,
  asksForEnrollment,
  defaultTemplates,
  mayPublish,
  mayReceive,
  maySubscribe,
} from '../../src/domain/acl.ts';
import { admit } from '../../src/domain/admission.ts';
import {
  assignedClientId,
  claimants,
  hasFormOf,
  laneSessionName,
  outerIds,
  ownerAndClientOf,
  ownerOfSession,
  sessionName,
} from '../../src/domain/client-id.ts';
import { escapeName, fileStem, unescapeName } from '../../src/domain/escape.ts';
import {
  differsByCase,
  type PrincipalId,
  parsePrincipalId,
  parsePrincipalUri,
  principalIdLengthMax,
  principalKinds,
  principalUri,
} from '../../src/domain/principal.ts';
import { alertTopic, enrollmentTopic, parseEnrollmentTopic } from '../../src/domain/topics.ts';
import { entry, idOf, noon, principal } from './samples.ts';

/** Words that mean something somewhere, short so that pairs meet. */
const word = fc.constantFrom(
  'a',
  'A',
  'b',
  'lane',
  'Lane',
  '40',
  '3A',
  '3a',
  'x',
  '_',
  '-',
  '.',
  'renew',
  '00',
  'urn',
  'dev',
);
const joint = fc.constantFrom(':', ':', ':', '@', '.', '_', '', '::');
const text = fc
  .array(fc.tuple(joint, word), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.map(([glue, part], at) => (at === 0 ? part : glue + part)).join(''));
const id = text.map(parsePrincipalId).filter((each) => each !== null);

/** Pairs of different ids: one often begins with the other, or differs in a character or in case. */
const pair = fc
  .oneof(
    fc.tuple(id, id),
    fc.tuple(id, joint, text).map(([one, glue, more]) => [one, parsePrincipalId(`${one}${glue}${more}`)] as const),
    id.map((one) => [one, parsePrincipalId(one.toUpperCase())] as const),
    id.map((one) => [one, parsePrincipalId(one.replaceAll(/[:@]/g, '_'))] as const),
    id.map((one) => [one, parsePrincipalId(one.replaceAll(':', '%3A'))] as const),
  )
  .filter((both): both is [PrincipalId, PrincipalId] => both[1] !== null && both[0] !== both[1])
  .chain(([one, other]) => fc.constantFrom<[PrincipalId, PrincipalId]>([one, other], [other, one]));

/** A client id of the form that is the id's, often with more of others in it. */
const suffix = fc.oneof(
  fc.constant(''),
  text.map((more) => `:${more}`),
  fc.string({ maxLength: 8 }).map((more) => `:${more}`),
);

const runs = { numRuns: 2_000 };
const rules = { kinds: defaultTemplates, principals: new Map() };

function verdict(one: PrincipalId, clientId: string, inventory: readonly PrincipalId[]) {
  const claimedBy = claimants(one, clientId).find((each) => inventory.includes(each)) ?? null;
  return admit({
    presented: true,
    entry: entry({ principalId: one }),
    stranger: null,
    principal: principal({ id: one }),
    clientId,
    claimedBy,
    graceMs: 0,
    skewMs: 0,
    now: noon,
  }).reason;
}

describe('client ids', () => {
  it('are admitted for one principal alone, whose id is the longest that fits', () => {
    fc.assert(
      fc.property(pair, suffix, fc.boolean(), ([one, other], more, ofOther) => {
        const clientId = `${ofOther ? other : one}${more}`;
        const inventory = [one, other];
        const admitted = inventory.filter((each) => verdict(each, clientId, inventory) === 'admitted');
        const fitting = inventory.filter((each) => hasFormOf(each, clientId)).sort((a, b) => b.length - a.length);
        expect(admitted).toEqual(fitting.slice(0, 1));
      }),
      runs,
    );
  });

  it('of a new id are taken from others at most', () => {
    fc.assert(
      fc.property(pair, suffix, fc.boolean(), ([one, other], more, ofOther) => {
        const clientId = `${ofOther ? other : one}${more}`;
        const taken =
          verdict(one, clientId, [one]) === 'admitted' && verdict(one, clientId, [one, other]) !== 'admitted';
        // What ends such sessions looks for them so.
        expect(taken).toBe(outerIds(other).includes(one) && hasFormOf(other, clientId));
      }),
      runs,
    );
  });

  it('that are assigned are nobody else’s, whatever the inventory comes to hold', () => {
    fc.assert(
      fc.property(id, fc.uint8Array({ minLength: 16, maxLength: 16 }), (one, random) => {
        const assigned = assignedClientId(one, random);
        expect(hasFormOf(one, assigned)).toBe(true);
        expect(claimants(one, assigned)).toEqual([]);
        expect(parsePrincipalId(assigned)).toBeNull();
      }),
    );
  });

  it('cost a bounded number of looks, none without a suffix', () => {
    expect(claimants(idOf('a'), 'a')).toEqual([]);
    expect(claimants(idOf('a'), 'b:c')).toEqual([]);
    expect(claimants(idOf('a'), 'a:b:c:d')).toEqual(['a:b:c:d', 'a:b:c', 'a:b']);
    expect(claimants(idOf('a'), `a${':b'.repeat(5_000)}`).length).toBeLessThan(principalIdLengthMax / 2);
  });
});

describe('names of sessions', () => {
  it('are never two principals’, in no lane, and say whose they are', () => {
    fc.assert(
      fc.property(pair, suffix, suffix, ([one, other], ofOne, ofOther) => {
        const names = [sessionName, laneSessionName].flatMap((name) => [
          name(one, one + ofOne),
          name(other, other + ofOther),
        ]);
        expect(new Set(names).size).toBe(4);
        expect(ownerAndClientOf(sessionName(one, one + ofOne))).toEqual({ owner: one, clientId: one + ofOne });
        expect(parsePrincipalId(ownerOfSession(laneSessionName(one, one + ofOne)))).toBeNull();
      }),
      runs,
    );
  });

  it('are the client ids themselves where ids have no colon and no @', () => {
    fc.assert(
      fc.property(id, suffix, (one, more) => {
        fc.pre(!/[:@]/.test(one));
        expect(sessionName(one, one + more)).toBe(one + more);
        expect(laneSessionName(one, one + more)).toBe(`lane:${one}${more}`);
      }),
    );
  });
});

describe('escaped names', () => {
  it('are different for different texts, hold only what files and topics may, and can be read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (one, other) => {
        expect(escapeName(one)).toMatch(/^[A-Za-z0-9._%-]*$/);
        expect(escapeName(one) === escapeName(other)).toBe(one === other);
        expect(unescapeName(escapeName(one))).toBe(one);
      }),
    );
  });

  it('leave ids without a colon and an @ as they are, and are no path', () => {
    fc.assert(
      fc.property(id, (one) => {
        if (!/[:@]/.test(one)) expect(escapeName(one)).toBe(one);
        expect(escapeName(one)).toMatch(/^[A-Za-z0-9]/);
        expect(escapeName(one)).not.toContain('..');
      }),
    );
  });

  it('of files are never those of the CA or of a chain, also where case is ignored', () => {
    const ids = ['ca', 'Ca', 'CA', 'a-chain', 'A-CHAIN', 'a-Chain-chain', 'ca:1', 'pump-7'].map(idOf);
    const stems = ids.map(fileStem);
    for (const stem of stems) expect(stem).not.toMatch(/^(ca|.*-chain)$/i);
    expect(new Set(stems).size).toBe(ids.length);
    expect(stems.map((stem) => decodeURIComponent(stem))).toEqual(ids);
  });

  it.each(['%', '%4', '%41', 'a:b', '%3a', '%FF', 'é'])('read %j as nothing they wrote', (name) => {
    expect(unescapeName(name)).toBeNull();
  });
});

describe('files, URIs and topics', () => {
  it.each([
    ['a', 'A', true],
    ['a:B', 'A:b', true],
    ['a', 'a', false],
    ['a', 'b', false],
  ])('%j and %j differ by case alone: %s', (one, other, is) => expect(differsByCase(one, other)).toBe(is));

  it('of two ids are two, also where case is ignored', () => {
    fc.assert(
      fc.property(
        pair,
        fc.constantFrom(...principalKinds),
        fc.constantFrom(...principalKinds),
        ([one, other], kind, second) => {
          if (!differsByCase(one, other)) expect(differsByCase(escapeName(one), escapeName(other))).toBe(false);
          expect(escapeName(one)).not.toBe(escapeName(other));
          expect(principalUri(kind, one)).not.toBe(principalUri(second, other));
          const subjects = [one, other].map((subject) => alertTopic({ kind: 'lapsed', subject }));
          expect(subjects[0]).not.toBe(subjects[1]);
          expect(subjects[0]?.split('/')).toHaveLength(4);
        },
      ),
      runs,
    );
  });

  it('URIs name their principal and nobody else, escaped or as the id is', () => {
    fc.assert(
      fc.property(id, fc.constantFrom(...principalKinds), (one, kind) => {
        expect(parsePrincipalUri(principalUri(kind, one))).toEqual({ kind, id: one });
        expect(parsePrincipalUri(`urn:nolapse:${kind}:${one}`)).toEqual({ kind, id: one });
      }),
    );
  });

  it.each([
    'urn:nolapse:device',
    'urn:nolapse:device:',
    'urn:nolapse:device:a%3ab',
    'urn:nolapse:device:a%2Fb',
    'urn:nolapse:device:a%3Ab:c',
    'urn:nolapse:device:%61',
    'urn:nolapse:device:lane:a',
    'urn:other:device:a',
  ])('%s names nobody', (uri) => expect(parsePrincipalUri(uri)).toBeNull());

  it('access of one opens nothing of the other', () => {
    fc.assert(
      fc.property(pair, fc.constantFrom('device', 'gateway'), ([one, other], kind) => {
        const access = accessOf(principal({ id: one, kind }), 'full', rules);
        for (const topic of [`devices/${other}`, `devices/${other}/x`, `gateways/${other}/x`]) {
          expect(mayPublish(access, topic) || mayReceive(access, topic)).toBe(false);
          // A gateway may ask for what it may be delegated, and is handed nothing by that.
          expect(maySubscribe(access, topic)).toBe(kind === 'gateway' && topic.startsWith('devices/'));
        }
        expect(mayReceive(access, enrollmentTopic(other, 'cert'))).toBe(false);
        expect(asksForEnrollment(`$enroll/1/${one}/#`, other)).toBe(false);
        expect(parseEnrollmentTopic(enrollmentTopic(one, 'csr'))).toEqual({ id: one, word: 'csr' });
        const device = accessOf(principal({ id: one }), 'full', rules);
        expect(mayPublish(device, enrollmentTopic(other, 'csr')) || maySubscribe(device, `$enroll/1/${other}/#`)).toBe(
          false,
        );
      }),
      runs,
    );
  });
});
