import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CertificateState, Fingerprint } from '../../src/domain/certificate.ts';
import { namesToTry, portsToTry, rootsToTrust, usableCertificate } from '../../src/domain/device-package.ts';
import { portPlan, type RootSlot, type RootState } from '../../src/domain/root-slots.ts';
import { litUntil } from '../../src/domain/standing.ts';
import { day, noon } from './samples.ts';

const year = 365 * day;
const slot = (number: number, state: RootState, distributed = true): RootSlot => ({
  number,
  state,
  fingerprint: String(number).repeat(64) as Fingerprint,
  notBefore: noon - year,
  notAfter: noon + 10 * year,
  preparedAt: noon - year,
  distributedAt: distributed ? noon - day : null,
  activatedAt: state === 'next' ? null : noon - year,
});

interface Held {
  readonly state: CertificateState;
  readonly issuedAt: number;
  readonly activatedAt: number | null;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly overlapUntil: number | null;
  readonly revokedAt: number | null;
}
const held = (more: Partial<Held> = {}): Held => ({
  state: 'active',
  issuedAt: noon - 2 * day,
  activatedAt: noon - day,
  notBefore: noon - 2 * day,
  notAfter: noon + day,
  overlapUntil: null,
  revokedAt: null,
  ...more,
});

describe('the certificate that goes into a package', () => {
  const newest = held({ issuedAt: noon - day });
  const superseded = held({ state: 'superseded', overlapUntil: noon + 1 });
  it.each<[string, Held[], Held | null]>([
    ['is none where there is none', [], null],
    ['is the newest that is in use', [superseded, newest], newest],
    ['is the one before in its overlap where nothing else is in use', [superseded], superseded],
    ['is none after the overlap', [held({ state: 'superseded', overlapUntil: noon })], null],
    ['is none that has ended, in grace or not', [held({ state: 'expired', notAfter: noon })], null],
    ['is none that nobody has seen', [held({ state: 'issued', activatedAt: null })], null],
    ['is none that was revoked', [held({ state: 'revoked', revokedAt: noon - 1 })], null],
    ['is none that begins later', [held({ notBefore: noon + 1 })], null],
  ])('%s', (_, certificates, expected) => {
    expect(usableCertificate(certificates, noon)).toBe(expected);
  });

  it('is there exactly where the device counts as lit by what was seen of it', () => {
    const instant = fc.integer({ min: -3, max: 3 }).map((days) => noon + days * day);
    const certificate = fc.record({
      state: fc.constantFrom<CertificateState>('active', 'superseded', 'expired', 'revoked'),
      issuedAt: instant,
      activatedAt: fc.constant(noon - 3 * day),
      notBefore: fc.constant(noon - 9 * day),
      notAfter: instant,
      overlapUntil: fc.option(instant),
      revokedAt: fc.option(instant),
    });
    fc.assert(
      fc.property(fc.array(certificate, { maxLength: 4 }), (all) => {
        expect(usableCertificate(all, noon) !== null).toBe((litUntil(all) ?? 0) > noon);
      }),
    );
  });
});

describe('the roots and ports of a package', () => {
  const ports = { port: 8883, nextPort: 8893 };
  it.each<[string, RootSlot[], number[], [number, number | null][]]>([
    ['before any rollover', [slot(1, 'current', false)], [1], [[8883, 1]]],
    ['with a next root that nobody was told of', [slot(1, 'current'), slot(2, 'next', false)], [1], [[8883, 1]]],
    [
      'with a next root that is announced',
      [slot(1, 'current'), slot(2, 'next')],
      [1, 2],
      [
        [8883, 1],
        [8893, 2],
      ],
    ],
    [
      'while the former root still serves, its port last',
      [slot(1, 'former'), slot(2, 'current')],
      [2],
      [
        [8893, 2],
        [8883, null],
      ],
    ],
    [
      'after the rollover',
      [slot(1, 'retired'), slot(2, 'current')],
      [2],
      [
        [8883, 2],
        [8893, 2],
      ],
    ],
    ['with an aborted root that somebody is still on', [slot(1, 'current'), slot(2, 'aborted')], [1], [[8883, 1]]],
  ])('%s', (_, slots, roots, expected) => {
    const trusted = rootsToTrust(slots);
    expect(trusted.map(({ number }) => number)).toEqual(roots);
    const found = portsToTry(portPlan(slots, 1, noon), ports, trusted);
    expect(found.map(({ port, root }) => [port, root])).toEqual(expected);
    expect(portsToTry(portPlan(slots, 1, noon), { ...ports, nextPort: null }, trusted)).toHaveLength(1);
  });

  it('begins with the names that mean the broker on another machine', () => {
    expect(namesToTry(['localhost', '127.0.0.1', 'mqtt.example.net', '::1', '192.0.2.7'])).toEqual([
      'mqtt.example.net',
      '192.0.2.7',
      'localhost',
      '127.0.0.1',
      '::1',
    ]);
  });
});
