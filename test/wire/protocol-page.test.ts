import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { speech } from '../../src/app/enrollment/throttle.ts';
import { canBeTold } from '../../src/app/renewal/delivery-profile.ts';
import { admissionReasons } from '../../src/domain/admission.ts';
import { enrollmentCodes } from '../../src/domain/errors.ts';
import { packetBytesDefault, packetBytesLeast, payloadRoom } from '../../src/domain/packet.ts';
import { type Encoding, keyModes } from '../../src/domain/principal.ts';
import { renewalIdLength, renewalStates } from '../../src/domain/renewal.ts';
import { downWords, enrollmentTopic, upWords } from '../../src/domain/topics.ts';
import { stepBytesMax, stepRootBytesMax, stepSequenceMax, stepSignatureBytesMax } from '../../src/domain/trust-step.ts';
import { stepRefusals } from '../../src/domain/trust-store.ts';
import { fields, modeNumbers, partBytesWithin, payloadBytesMax, statusNumbers } from '../../src/wire/index.ts';
import { certificatesMax, codeLengthMax, detailLengthMax, nestingMax, secondsMax } from '../../src/wire/limits.ts';
import { arrows } from '../domain/renewal-arrows.ts';
import { idOf } from '../domain/samples.ts';
import { written } from './vectors.ts';

const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

/** The text under a heading of the second level, up to the next. */
function section(heading: string): string {
  const [, after = ''] = page.split(`\n## ${heading}\n`);
  return after.split('\n## ')[0] ?? '';
}

/** The cells of every table row, without heads and rules, code marks taken off the first. */
function rows(text: string): string[][] {
  const cells = text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').slice(1, -1));
  return cells.map((row) => row.map((cell, index) => (index === 0 ? cell.trim().replaceAll('`', '') : cell.trim())));
}

const pairs = (text: string) => rows(text).map(([name, meaning]) => [name, meaning]);

describe('docs/protocol.md and the code say the same about', () => {
  it('the words and their ways', () => {
    const words = [...upWords.map((word) => [word, 'up']), ...downWords.map((word) => [word, 'down'])];
    expect(pairs(section('Topics'))).toEqual(words);
  });

  it('the error codes and their meanings', () => {
    expect(pairs(section('Error codes'))).toEqual(Object.entries(enrollmentCodes));
  });

  it('the reasons for which a step is not taken', () => {
    const shown = pairs(section('Trust steps')).filter(([code = '']) => /^[a-z]+_/.test(code));
    expect(shown).toEqual(Object.entries(stepRefusals));
  });

  it('the admission reasons and their meanings', () => {
    expect(pairs(section('Admission'))).toEqual(Object.entries(admissionReasons));
  });

  it('the numbers of the CBOR fields', () => {
    const table = rows(section('Encodings'));
    expect(table.map(([name, number]) => [name, Number(number)])).toEqual(Object.entries(fields));
    const typeOf = (field: string) => table.find(([name]) => name === field)?.[2];
    const list = (numbers: object) =>
      `integer: ${Object.entries(numbers)
        .map(([name, number]) => `${number} is \`${name}\``)
        .join(', ')}`;
    expect(typeOf('mode')).toBe(list(modeNumbers));
    expect(typeOf('status')).toBe(list(statusNumbers));
    expect(Object.keys(modeNumbers)).toEqual(keyModes);
  });

  it("the renewal's states, and every way from one to another", () => {
    const diagram = page.split('stateDiagram-v2')[1]?.split('```')[0] ?? '';
    const shown = [...diagram.matchAll(/^ +(\S+) --> ([^\s:]+)/gm)].map(([, from = '', to = '']) => ({ from, to }));
    const states = new Set(shown.flatMap(({ from, to }) => [from, to]).filter((name) => name !== '[*]'));
    expect([...states].sort()).toEqual([...renewalStates].sort());
    const { steps, openStates } = arrows();
    const ends = ['cancelled', 'lapsed'];
    // The page says in words that these two follow every open state.
    for (const state of openStates) for (const end of ends) expect(steps).toContain(`${state} --> ${end}`);
    const drawn = shown.filter(({ from, to }) => from !== '[*]' && to !== '[*]' && !ends.includes(to));
    const walked = [...steps].filter((step) => !ends.some((end) => step.endsWith(` ${end}`)));
    expect(drawn.map(({ from, to }) => `${from} --> ${to}`).sort()).toEqual(walked.sort());
  });

  it('the byte-exact examples', () => {
    const shown = [...page.matchAll(/<!-- vector: (\S+) -->\n```json\n(.*)\n```\n\n```text\n([^`]*)```/g)];
    const examples = shown.map(([, name, json, cbor]) => ({ name, json, cbor: cbor?.replaceAll('\n', '') }));
    const expected = written.map(({ name, json, cbor }) => ({ name, json, cbor }));
    const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }) =>
      (a.name ?? '') < (b.name ?? '') ? -1 : 1;
    expect(examples.sort(byName)).toEqual(expected.sort(byName));
    expect(page.match(/<!-- vector:/g)).toHaveLength(written.length);
    const signers = new Set(written.flatMap(({ signer }) => signer ?? []));
    for (const signer of signers) expect(page.replaceAll('\n', '')).toContain(signer);
    expect(signers.size).toBe(1);
    for (const { root } of written) if (root) expect(page.replaceAll('\n', '')).toContain(root);
    const recipients = written.flatMap(({ recipient }) => recipient ?? []);
    expect(recipients).toHaveLength(1);
    for (const { certificate, key } of recipients) {
      for (const hex of [certificate, key]) expect(page.replaceAll('\n', '')).toContain(hex);
    }
  });

  it('the limits', () => {
    const limits = section('Limits');
    const stated = [payloadBytesMax.toLocaleString('en'), nestingMax, certificatesMax, secondsMax];
    for (const limit of stated) expect(limits).toMatch(new RegExp(`\\b${limit}\\b`));
    const largest = [stepBytesMax, stepRootBytesMax, stepSignatureBytesMax].map((each) => each.toLocaleString('en'));
    expect(limits).toContain(`${largest[0]} bytes; its root ${largest[1]}, its signature ${largest[2]}`);
    expect(limits).toContain(`1 to ${stepSequenceMax.toLocaleString('en')}`);
    expect(limits).toContain(`${codeLengthMax} and ${detailLengthMax} characters`);
    expect(limits).toContain(`${packetBytesLeast} bytes or more; ${packetBytesDefault} where nothing is known`);
    expect(limits).toContain(`${speech.burst} at once, ${speech.perSecond} a second`);
  });

  it('how many parts a replacement takes', () => {
    const size = 600;
    expect(section('Sizes and costs')).toMatch(/a replacement of\s+600 bytes\s+takes this many parts/);
    const partsFor = (encoding: Encoding, packetBytesMax: number, idLength: number): string => {
      const id = idOf('x'.repeat(idLength));
      if (!canBeTold(id, { encoding, packetBytesMax })) return '-';
      const room = payloadRoom(enrollmentTopic(id, 'part'), packetBytesMax);
      const renewal = 'x'.repeat(renewalIdLength);
      let parts = 0;
      for (let offset = 0; offset < size; parts += 1) {
        offset += partBytesWithin(encoding, { renewal, offset, total: size }, room);
      }
      return `${parts}`;
    };
    const stated = section('Sizes and costs')
      .split('\n')
      .filter((line) => /^\| (CBOR|JSON) \|/.test(line));
    const expected = (['cbor', 'json'] as const).flatMap((encoding) =>
      [128, 256, 512, 1_024].map((limit) => {
        const counts = [8, 16, 32, 64].map((length) => partsFor(encoding, limit, length));
        return `| ${[encoding.toUpperCase(), limit.toLocaleString('en'), ...counts].join(' | ')} |`;
      }),
    );
    expect(stated).toEqual(expected);
  });
});
