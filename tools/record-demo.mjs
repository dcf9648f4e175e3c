// Records `nolapse demo` in a terminal and writes it as an animated SVG: `node tools/record-demo.mjs docs/demo.svg`. It shows
// every line as the demo printed it; only pauses are shortened and wide lines cut. It needs `script` of util-linux and a build.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const columns = 104;
const rows = 22;
const lineHeight = 17;
const characterWidth = 7.8;
const padding = 12;
/** Long enough for the device that sleeps to come back. */
const playedSeconds = 60;
/** In the recording: the longest pause, the shortest time between two lines, and how long the end stays. */
const pauseMaxMs = 1_200;
const lineMs = 130;
const endMs = 4_000;

const colours = { INFO: '#7ee787', WARN: '#f2cc60', ERROR: '#ff7b72' };

/** What the demo prints, each line with the milliseconds since the first. */
async function record() {
  const play = `stty cols 240; exec node dist/main.js demo --for ${playedSeconds}s`;
  const child = spawn('script', ['-qefc', play, '/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = [];
  let rest = '';
  child.stdout.setEncoding('utf8');
  for await (const chunk of child.stdout) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const text of parts) lines.push({ atMs: performance.now(), text: plain(text) });
  }
  const first = lines[0]?.atMs ?? 0;
  return lines.filter(({ text }) => text !== '').map(({ atMs, text }) => ({ atMs: atMs - first, text }));
}

function plain(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal's colours are made of.
  return text.replace(/\x1b\[[0-9;]*m/g, '').trimEnd();
}

/** When each line is shown, with the pauses shortened. */
function paced(lines) {
  let shownAt = 0;
  let before = 0;
  return lines.map(({ atMs, text }) => {
    shownAt += Math.min(Math.max(atMs - before, lineMs), pauseMaxMs);
    before = atMs;
    return { shownAt, text };
  });
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function textOf({ text }, index) {
  const y = (index + 1) * lineHeight;
  const [, time = '', level = '', said = text] = /^(\[[\d:]+\]) (INFO|WARN|ERROR): (.*)$/.exec(text) ?? [];
  const room = columns - time.length - level.length - 2;
  const cut = said.length > room ? `${said.slice(0, room - 1)}…` : said;
  const head = time && `<tspan class="t">${time} </tspan><tspan fill="${colours[level]}">${level} </tspan>`;
  return `<text y="${y}">${head}${escaped(cut)}</text>`;
}

/** Scrolls in steps, so that the line shown last is at the bottom. */
function keyframes(lines, totalMs) {
  const steps = lines.map(({ shownAt }, index) => {
    const up = Math.max(0, index + 1 - rows) * lineHeight;
    const down = Math.max(0, rows - index - 1) * lineHeight;
    return `${((100 * shownAt) / totalMs).toFixed(2)}%{transform:translateY(${down - up}px)}`;
  });
  const start = `0%{transform:translateY(${rows * lineHeight}px)}`;
  return `@keyframes scroll{${start}${steps.join('')}100%{transform:translateY(${-Math.max(0, lines.length - rows) * lineHeight}px)}}`;
}

function svgOf(recorded) {
  const lines = paced(recorded);
  const totalMs = (lines.at(-1)?.shownAt ?? 0) + endMs;
  const width = Math.ceil(columns * characterWidth + 2 * padding);
  const height = rows * lineHeight + 2 * padding;
  const rest = -Math.max(0, lines.length - rows) * lineHeight;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    '<title>nolapse demo</title>',
    `<style>${keyframes(lines, totalMs)}`,
    'text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#c9d1d9;white-space:pre}.t{fill:#8b949e}',
    `#lines{transform:translateY(${rest}px);animation:scroll ${totalMs}ms step-end infinite}`,
    '@media(prefers-reduced-motion:reduce){#lines{animation:none}}</style>',
    `<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    `<svg x="${padding}" y="${padding}" width="${width - 2 * padding}" height="${rows * lineHeight}" overflow="hidden">`,
    `<g id="lines">`,
    ...lines.map(textOf),
    '</g></svg></svg>',
    '',
  ].join('\n');
}

const [target, replayed] = process.argv.slice(2);
if (!target) {
  process.stderr.write('usage: node tools/record-demo.mjs TARGET.svg [LINES.json]\n');
  process.exitCode = 2;
} else {
  // The lines of an earlier recording, to draw them anew.
  const lines = replayed ? JSON.parse(readFileSync(replayed, 'utf8')) : await record();
  writeFileSync(target, svgOf(lines));
}
