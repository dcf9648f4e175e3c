// Adds up what vitest's runs said in their closing lines. usage: node sum.mjs LOG RUNS
// Ends with exit code 1 when a run is missing, when nothing ran, or when a test failed or was left out.
import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

const [file, runs] = process.argv.slice(2);
const log = stripVTControlCharacters(readFileSync(file, 'utf8'));
const closing = [...log.matchAll(/^ +Tests +(.*) \((\d+)\)$/gm)];
const count = (outcome) =>
  closing.reduce((sum, [, line]) => sum + Number(new RegExp(`(\\d+) ${outcome}`).exec(line)?.[1] ?? 0), 0);

const total = closing.reduce((sum, [, , tests]) => sum + Number(tests), 0);
const [passed, failed] = [count('passed'), count('failed')];
const leftOut = total - passed - failed;
if (closing.length !== Number(runs)) console.log(`${runs} runs were expected, ${closing.length} came to an end`);
if (leftOut > 0) console.log(`${leftOut} tests were left out`);
console.log(`${passed} passed, ${failed} failed`);
if (closing.length !== Number(runs) || passed === 0 || failed > 0 || leftOut > 0) process.exitCode = 1;
