// Records `nolapse demo` in a terminal and writes it as an animated SVG: `node tools/record-demo.mjs docs/demo.svg`. It shows the screen
// as the demo drew it, one picture for each change of words; only pauses are shortened. It needs `script` of util-linux and a build.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const columns = 100;
const rows = 20;
const lineHeight = 17;
const characterWidth = 7.8;
const padding = 12;
/** Long enough for the device that sleeps to come back. */
const playedSeconds = 75;
/** In the recording: how long each picture stands, and the last of them. */
const pictureMs = 900;
const endMs = 4_000;
/** Pictures kept: those between are left out evenly. */
const picturesMax = 40;

/** What the demo draws, each screen once. */
async function record() {
  const play = `stty cols ${columns} rows ${rows + 2}; exec node dist/main.js demo --for ${playedSeconds}s`;
  const child = spawn('script', ['-qefc', play, '/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let drawn = '';
  child.stdout.setEncoding('utf8');
  for await (const chunk of child.stdout) drawn += chunk;
  return drawn.split('\u001b[H').slice(1).map(plain);
}

/** The lines of a screen, without the time below it. */
function plain(text) {
  const [screen = ''] = text.split('\u001b[J');
  const lines = screen
    .replaceAll('\u001b[K', '')
    .replaceAll('\r', '')
    .split('\n')
    .map((line) => line.trimEnd());
  return lines.slice(0, rows).join('\n').trimEnd();
}

/** Where a folder of this machine was named, a name that anybody may have. */
const anywhere = (text) => text.replaceAll(/\/tmp\/nolapse-demo-(log-)?\w+/g, '/tmp/nolapse-demo');

/** Those that differ from the one before, and no more than can be kept small. */
function chosen(screens) {
  const different = screens.filter((screen, index) => screen !== screens[index - 1]);
  const every = Math.max(1, different.length / picturesMax);
  const kept = different.filter((_, index) => Math.floor(index / every) !== Math.floor((index - 1) / every));
  return [...kept.slice(0, -1), different.at(-1) ?? ''].map(anywhere);
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** A line that stands in several pictures one after the other is drawn once. */
function spans(screens) {
  const found = [];
  for (let row = 0; row < rows; row += 1) {
    let from = 0;
    const at = (index) => screens[index]?.split('\n')[row] ?? '';
    for (let index = 1; index <= screens.length; index += 1) {
      if (index < screens.length && at(index) === at(from)) continue;
      if (at(from) !== '') found.push({ row, from, to: index, text: at(from) });
      from = index;
    }
  }
  return found;
}

function svgOf(recorded) {
  const screens = chosen(recorded);
  const count = screens.length;
  const totalMs = (count - 1) * pictureMs + endMs;
  const percent = (index) => (index >= count ? 100 : Math.min(100, (100 * index * pictureMs) / totalMs));
  const all = spans(screens);
  const keys = new Map();
  for (const { from, to } of all) keys.set(`${from}-${to}`, [percent(from), percent(to)]);
  const width = Math.ceil(columns * characterWidth + 2 * padding);
  const height = rows * lineHeight + 2 * padding;
  const frames = [...keys].map(([name, [begin, end]]) => {
    const hidden = begin > 0 ? `0%{opacity:0}` : '';
    const gone = end < 100 ? `${end.toFixed(2)}%{opacity:0}` : '';
    return `@keyframes k${name}{${hidden}${begin.toFixed(2)}%{opacity:1}${gone}}.k${name}{animation-name:k${name}}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    '<title>nolapse demo</title>',
    '<style>text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#c9d1d9;white-space:pre;opacity:0;',
    `animation:${totalMs}ms step-end infinite}.l{opacity:1;animation:none}.b{font-weight:bold;fill:#7ee787}`,
    `@media(prefers-reduced-motion:reduce){text{animation:none}.e{opacity:1}}${frames.join('')}</style>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    ...all.map(({ row, from, to, text }) => {
      const isAlways = from === 0 && to === count;
      const classes = [isAlways ? 'l' : `k${from}-${to}`, ...(to === count ? ['e'] : []), ...(row === 0 ? ['b'] : [])];
      return `<text class="${classes.join(' ')}" x="${padding}" y="${padding + (row + 1) * lineHeight}">${escaped(text)}</text>`;
    }),
    '</svg>',
    '',
  ].join('\n');
}

const [target, replayed] = process.argv.slice(2);
if (!target) {
  process.stderr.write('usage: node tools/record-demo.mjs TARGET.svg [SCREENS.json]\n');
  process.exitCode = 2;
} else {
  // The screens of an earlier recording, to draw them anew.
  const screens = replayed ? JSON.parse(readFileSync(replayed, 'utf8')) : await record();
  writeFileSync(target, svgOf(screens));
}
