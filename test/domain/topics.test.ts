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
import { parsePrincipalId } from '../../src/domain/principal.ts';
import {
  alertTopic,
  covers,
  downWords,
  isFilter,
  isReserved,
  isTopicName,
  matches,
  parseEnrollmentTopic,
  quotedTopic,
  reservedRoots,
  upWords,
} from '../../src/domain/topics.ts';
import { idOf, principal } from './samples.ts';

const rules = {
  kinds: defaultTemplates,
  principals: new Map([['backend', { publish: ['devices/+/command'], subscribe: ['devices/#'] }]]),
};
const device = accessOf(principal(), 'full', rules);
const lane = accessOf(principal(), 'renew-only', rules);

describe('principal ids', () => {
  it.each([
    '__proto__',
    '+',
    '#',
    '../x',
    'a/b',
    'a..b',
    '',
    '-a',
    '.a',
    'a b',
    'lane',
    'lane:a',
    'lane:',
    'é',
    ':a',
    '@a',
    'a:',
    'a%3Ab',
    'a~b',
    `a${'b'.repeat(64)}`,
  ])('refuses %j', (id) => expect(parsePrincipalId(id)).toBeNull());
  it.each([
    'pump-7',
    'constructor',
    'A.b_c-1',
    'x'.repeat(64),
    'lanes:a',
    'Lane',
    '00:1A:2b:3c:4d:5e',
    'pump@plant.example',
    'urn:dev:mac:0024befffe804ff1',
    'fe80::1',
  ])('takes %j', (id) => {
    expect(parsePrincipalId(id)).toBe(id);
  });
  it('refuses 10 kB and what is no text', () => {
    expect(parsePrincipalId('x'.repeat(10_240))).toBeNull();
    expect(parsePrincipalId({ toString: () => 'pump-7' })).toBeNull();
  });
});

describe('a topic in a sentence', () => {
  it.each([
    ['a/b', '"a/b"'],
    ['a" is fine; pump-2 may not publish on "b', '"a\\" is fine; pump-2 may not publish on \\"b"'],
    ['a\n\u001b[2J', '"a\\n\\u001b[2J"'],
    ['x'.repeat(65_535), `"${'x'.repeat(128)}…"`],
  ])('is quoted, escaped and cut: %j', (topic, quoted) => {
    expect(quotedTopic(topic)).toBe(quoted);
  });
});

describe('reserved roots', () => {
  it.each(reservedRoots)('%s is reserved, alone and with all below it, and nothing beside it', (root) => {
    const of = (topics: readonly string[]) => topics.map(isReserved);
    expect(of([root, `${root}/`, `${root}/x`, `${root}/#`])).toEqual([true, true, true, true]);
    expect(of([`${root}x`, `${root}x/y`, `x/${root}`, root.slice(1), root.slice(0, -1)])).not.toContain(true);
  });
});

describe('filters', () => {
  it.each([
    ['a/b', 'a/b', true],
    ['a/+', 'a/b', true],
    ['a/+', 'a/b/c', false],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['+', '', true],
    ['a/+/c', 'a//c', true],
  ])('%s matches %s: %s', (filter, topic, expected) => expect(matches(filter, topic)).toBe(expected));

  it('takes wildcards only as whole levels, # only at the end', () => {
    for (const bad of ['', 'a#', 'a/#/b', 'a+', '+a/b', 'a\0b', 'a/'.repeat(70)]) expect(isFilter(bad)).toBe(false);
    for (const good of ['#', '+', 'a/+/b/#', '/', '$x/#', 'a/\ufffd']) expect(isFilter(good)).toBe(true);
  });

  it('takes no wildcard, nothing empty and no more levels than the broker has in a name', () => {
    for (const bad of ['', '#', 'a/+', 'a#b', 'a+', 'a/'.repeat(100)]) expect(isTopicName(bad)).toBe(false);
    for (const good of ['/', 'a', '$x/y', 'a/'.repeat(99), 'x'.repeat(60_000)]) expect(isTopicName(good)).toBe(true);
  });

  it('a covered filter matches nothing its pattern does not', () => {
    const level = fc.constantFrom('a', 'b', '+', '#', '$x', '');
    const filter = fc
      .array(level, { minLength: 1, maxLength: 4 })
      .map((levels) => levels.join('/'))
      .filter(isFilter);
    const topic = fc.array(fc.constantFrom('a', 'b', '$x', ''), { minLength: 1, maxLength: 4 }).map((l) => l.join('/'));
    fc.assert(
      fc.property(filter, filter, topic, (pattern, inner, name) => {
        if (covers(pattern, inner) && matches(inner, name)) expect(matches(pattern, name)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('access', () => {
  it('gives a device its own topics and no others', () => {
    expect(mayPublish(device, 'devices/pump-7/telemetry')).toBe(true);
    expect(mayPublish(device, 'devices/pump-8/telemetry')).toBe(false);
    expect(mayPublish(device, '$enroll/1/pump-7/csr')).toBe(true);
    expect(mayPublish(device, '$enroll/1/pump-7/cert')).toBe(false);
    expect(mayPublish(device, '$enroll/1/pump-8/csr')).toBe(false);
    expect(mayPublish(device, '$SYS/x/new/clients')).toBe(false);
    expect(maySubscribe(device, '$enroll/1/pump-7/+')).toBe(true);
    for (const filter of ['#', '+/#', '$enroll/#', '$enroll/1/+/offer', 'devices/#', 'devices/+/x', '$SYS/#']) {
      expect(maySubscribe(device, filter)).toBe(false);
    }
    expect(mayReceive(device, '$enroll/1/pump-8/cert')).toBe(false);
  });

  it('lets services alone hear of alerts, where their list says so, and nobody publish them', () => {
    const lists = { publish: ['#', '+/#'], subscribe: ['$nolapse/alerts/#', '$nolapse', '#'] };
    const told = { kinds: { device: lists, gateway: lists, service: lists }, principals: new Map() };
    const topic = alertTopic({ kind: 'no_owner', subject: 'pump-7' });
    expect(topic).toBe('$nolapse/alerts/no_owner/pump-7');
    for (const kind of ['device', 'gateway', 'service'] as const) {
      const access = accessOf(principal({ kind }), 'full', told);
      expect(maySubscribe(access, '$nolapse/alerts/#')).toBe(kind === 'service');
      expect(mayReceive(access, topic)).toBe(kind === 'service');
      expect(mayPublish(access, topic)).toBe(false);
    }
    const wild = accessOf(principal({ kind: 'service' }), 'full', {
      ...told,
      kinds: { ...told.kinds, service: { publish: [], subscribe: ['#', '+/#'] } },
    });
    expect(mayReceive(wild, topic)).toBe(false);
    expect(alertTopic({ kind: 'unknown_identity', subject: 'a/+/# b' })).toBe(
      '$nolapse/alerts/unknown_identity/a%2F%2B%2F%23%20b',
    );
  });

  it('gives the renew-only lane enrollment alone', () => {
    expect(mayPublish(lane, 'devices/pump-7/telemetry')).toBe(false);
    expect(mayPublish(lane, '$enroll/1/pump-7/hello')).toBe(true);
    expect(maySubscribe(lane, 'devices/pump-7/#')).toBe(false);
    expect(mayReceive(lane, 'devices/pump-7/command')).toBe(false);
  });

  it('gives a service its own list, and nothing without one', () => {
    const backend = accessOf(principal({ id: idOf('backend'), kind: 'service' }), 'full', rules);
    expect(maySubscribe(backend, 'devices/+/telemetry')).toBe(true);
    expect(maySubscribe(backend, '#')).toBe(false);
    expect(mayReceive(backend, '$enroll/1/pump-7/cert')).toBe(false);
    const other = accessOf(principal({ id: idOf('other'), kind: 'service' }), 'full', rules);
    expect(maySubscribe(other, 'devices/+/telemetry')).toBe(false);
  });

  it('lets a gateway speak and ask for others, and leaves what it hears of them to be judged at each message', () => {
    const id = idOf('gw-1');
    const full = accessOf(principal({ id, kind: 'gateway' }), 'full', rules);
    for (const word of upWords) {
      expect(mayPublish(full, `$enroll/1/gw-1/${word}`)).toBe(true);
      expect(mayPublish(full, `$enroll/1/pump-7/${word}`)).toBe(true);
    }
    for (const word of downWords) {
      expect(mayPublish(full, `$enroll/1/pump-7/${word}`)).toBe(false);
      expect(mayReceive(full, `$enroll/1/gw-1/${word}`)).toBe(true);
      expect(mayReceive(full, `$enroll/1/pump-7/${word}`)).toBe(false);
    }
    for (const topic of ['$enroll/1/pump-7/x', '$enroll/1/a/b/csr', '$enroll/2/pump-7/csr', '$enroll/1/csr']) {
      expect(mayPublish(full, topic)).toBe(false);
    }
    for (const tail of ['pump-7/+', 'pump-7/offer', '+/offer', '+/+', '+/#', '#']) {
      expect(maySubscribe(full, `$enroll/1/${tail}`)).toBe(true);
    }
    for (const filter of ['#', '+/#', '$enroll/#', '$enroll/+/pump-7/offer', '$enroll/2/#', 'devices/#', '$SYS/#']) {
      expect(maySubscribe(full, filter)).toBe(false);
    }
  });

  it('lets no device, no service and no gateway in the renew-only lane speak or ask for others', () => {
    const speakers = [
      device,
      lane,
      accessOf(principal({ id: idOf('backend'), kind: 'service' }), 'full', rules),
      accessOf(principal({ id: idOf('gw-1'), kind: 'gateway' }), 'renew-only', rules),
    ];
    for (const access of speakers) {
      for (const word of upWords) expect(mayPublish(access, `$enroll/1/pump-8/${word}`)).toBe(false);
      for (const word of downWords) expect(mayReceive(access, `$enroll/1/pump-8/${word}`)).toBe(false);
      for (const tail of ['pump-8/+', '+/offer', '#']) expect(maySubscribe(access, `$enroll/1/${tail}`)).toBe(false);
    }
  });

  it('recognizes a subscription to what the broker sends', () => {
    const id = idOf('pump-7');
    for (const filter of ['$enroll/1/pump-7/+', '$enroll/1/pump-7/#', '$enroll/1/pump-7/offer', '$enroll/1/+/offer']) {
      expect(asksForEnrollment(filter, id)).toBe(true);
    }
    for (const filter of ['$enroll/1/pump-7/csr', '$enroll/1/pump-8/+', 'devices/#', '#']) {
      expect(asksForEnrollment(filter, id)).toBe(false);
    }
    for (const filter of ['$enroll/1/#', '$enroll/1/+/+', '$enroll/1/pump-8/offer']) {
      expect(asksForEnrollment(filter)).toBe(true);
    }
    for (const filter of ['$enroll/1/+/csr', 'devices/#', '#']) expect(asksForEnrollment(filter)).toBe(false);
  });

  it('takes enrollment topics apart strictly', () => {
    expect(parseEnrollmentTopic('$enroll/1/pump-7/csr')).toEqual({ id: 'pump-7', word: 'csr' });
    for (const topic of [
      '$enroll/1/pump-7',
      '$enroll/1/pump-7/csr/x',
      '$enroll/2/pump-7/csr',
      '$enroll/1//csr',
      '$enroll/1/../csr',
    ]) {
      expect(parseEnrollmentTopic(topic)).toBeNull();
    }
  });
});
