// What the clients in shell and MicroPython hold of roots and ports, take of steps and try, is what src/domain/trust-store.ts says, whatever
// happens in whatever order.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missing } from './missing.ts';
import {
  expectEachAnswer,
  expected,
  firstPort,
  type Happening,
  line,
  named,
  numberOf,
  stories,
} from './trust-devices/model.ts';

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'nolapse-model-'));
});
afterAll(() => rmSync(scratch, { recursive: true }));

function answers(command: string, args: readonly string[], input: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { input, encoding: 'utf8', maxBuffer: 2 ** 26 });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe.skipIf(missing('micropython'))('the roots of the MicroPython client', () => {
  it.each([1, 2])('are what the model holds, with %i of them for TLS at once', (together) => {
    const all = stories(together, 400);
    const input = all.map((story) => ['new 1 8883', ...story.map(line)].join('\n')).join('\n');
    const words = ['test/peers/trust-model.py', 'examples/micropython', scratch, String(together)].map((each, at) =>
      at < 2 ? resolve(each) : each,
    );
    const printed = answers('micropython', ['-X', 'heapsize=4m', ...words], `${input}\n`)
      .split('\n')
      .values();
    const seen: string[] = [];
    for (const story of all) {
      printed.next();
      const lines = story.map(() => printed.next().value ?? '');
      seen.push(...lines);
      expect(lines, story.map(line).join('\n')).toEqual(expected(story, together));
    }
    expectEachAnswer(seen);
  });
});

const number = (root = ''): number => numberOf(root as ReturnType<typeof named>);

/** The record of the shell client, and what its decisions make of it. */
class Record {
  #text = `committed ${firstPort} ${named(1)}\nannounced 0\nlast 0\nport ${firstPort}\nroot ${named(1)} 0 0 stays\n`;

  #decide(values: Readonly<{ [name: string]: string | number }>): string {
    const set = Object.entries(values).flatMap(([name, value]) => ['-v', `${name}=${value}`]);
    return answers('awk', ['-f', resolve('examples/shell/roots.awk'), ...set], this.#text);
  }

  after(happening: Happening): string {
    switch (happening.what) {
      case 'take': {
        const { step, verifies, port } = happening;
        const { kind, sequence, signer } = step;
        const other = step.kind === 'successor' ? step.named : signer;
        const isHeld = this.#text.includes(`root ${signer}`);
        const said = { kind, sequence, signer, named: other, verifies: verifies && isHeld ? 1 : 0, at: port };
        const given = this.#decide({ action: 'take', ...said, most: 2 });
        if (given.startsWith('refused ')) return this.#shown(given.trim().slice('refused '.length));
        if (given === 'known\n') return this.#shown('known');
        this.#text = given;
        return this.#shown('taken');
      }
      case 'connack':
        this.#text = this.#decide({ action: 'connack', at: happening.port, under: named(happening.root) });
        return this.#shown('connected');
      case 'attempts': {
        const given = this.#decide({ action: 'places', trial: happening.trial ?? 0, given: firstPort });
        const places = given
          .trimEnd()
          .split('\n')
          .map((each) => each.split(' '));
        return ['attempts', ...places.map(([port, root]) => `${port}/${number(root)}`)].join(' ');
      }
    }
  }

  #lines(word: string): string[][] {
    return this.#text
      .split('\n')
      .map((each) => each.split(' '))
      .filter(([first]) => first === word);
  }

  #shown(answer: string): string {
    const held = this.#lines('root').map(
      ([, root, heard, by, standing]) => `${number(root)}${standing === 'stays' ? '' : '-'}:${heard}:${by}`,
    );
    const ports = this.#lines('port').map(([, port]) => port);
    const [[, port, root] = []] = this.#lines('committed');
    const [[, announced] = []] = this.#lines('announced');
    const [[, last] = []] = this.#lines('last');
    return [
      answer,
      ...held,
      'ports',
      ...ports,
      `announced ${announced} committed ${port}/${number(root)} last ${last}`,
    ].join(' ');
  }
}

describe('the roots of the shell client', () => {
  it('are what the model holds', () => {
    const seen: string[] = [];
    for (const story of stories(3, 300, 24)) {
      const record = new Record();
      const lines = story.map((happening) => record.after(happening));
      seen.push(...lines);
      expect(lines, story.map(line).join('\n')).toEqual(expected(story, 1));
    }
    expectEachAnswer(seen);
  });
});
