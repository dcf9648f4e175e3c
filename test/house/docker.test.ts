// The image and the compose file, as far as they can be shown without an engine: what they say, what would be copied, and
// the health check as the command it is.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { testedLines } from '../../src/store/sqlite/engine.ts';
import { type GatewayProcess, startProcess } from '../peers/nolapse-process.ts';

const dockerfile = readFileSync('docker/Dockerfile', 'utf8').replaceAll(/\\\n\s*/g, '');
const ignored = readFileSync('.dockerignore', 'utf8').split('\n');
const stages = dockerfile.split(/^(?=FROM )/m).slice(1);
const [build = '', runtime = ''] = stages;

interface Service {
  readonly environment: Readonly<Record<string, string>>;
  readonly build: { readonly context: string; readonly dockerfile: string };
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  readonly secrets: readonly string[];
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
}
interface Compose {
  readonly services: { readonly nolapse: Service };
  readonly volumes: object;
  readonly secrets: object;
}
const compose = parse(readFileSync('docker/compose.yaml', 'utf8')) as Compose;
const service = compose.services.nolapse;

function values(stage: string, instruction: string): string[] {
  return [...stage.matchAll(new RegExp(`^${instruction} (.*)$`, 'gm'))].map(([, value = '']) => value);
}

let secrets: string;
beforeAll(() => {
  secrets = mkdtempSync(join(tmpdir(), 'nolapse-docker-'));
  writeFileSync(join(secrets, 'passphrase.txt'), 'correct horse\n', { mode: 0o600 });
});
afterAll(() => rmSync(secrets, { recursive: true, force: true }));

/** A broker with the environment the compose file gives it; only the secret lies elsewhere. */
function startAsComposed(): Promise<GatewayProcess> {
  const names = service.environment['NOLAPSE_SERVER_NAMES']?.replace(/^\$\{NOLAPSE_SERVER_NAMES:-(.*)\}$/, '$1') ?? '';
  return startProcess('', {
    ...service.environment,
    NOLAPSE_SERVER_NAMES: names,
    NOLAPSE_PASSPHRASE_FILE: join(secrets, 'passphrase.txt'),
  });
}

describe('the image', () => {
  it('is built in two stages, with the command of the README', () => {
    expect(stages).toHaveLength(2);
    expect(values(build, 'RUN')).toContain('npm ci');
    expect(readFileSync('README.md', 'utf8')).toContain('npm ci && npm run demo');
    expect(values(build, 'RUN').join()).toContain('npm prune --omit=dev');
  });

  it('runs on the newest slim Node that was tested, as a user without rights', () => {
    const major = Number(/^ARG NODE_VERSION=(\d+)$/m.exec(dockerfile)?.[1]);
    expect(major).toBe(testedLines.at(-1)?.major);
    for (const stage of stages) expect(stage).toMatch(/^FROM node:\$\{NODE_VERSION\}-slim( AS build)?\n/);
    expect(values(runtime, 'USER')).toEqual(['node']);
    // Nothing of the build's tools: the stage installs no packages.
    expect(runtime).not.toMatch(/apt-get|npm /);
  });

  it('copies only what is there and what the context lets through', () => {
    const own = [...values(build, 'COPY'), ...values(runtime, 'COPY')].filter((line) => !line.startsWith('--from'));
    const sources = own.flatMap((line) => line.split(' ').slice(0, -1));
    expect(sources.filter((path) => !existsSync(path))).toEqual([]);
    expect(sources.filter((path) => !ignored.includes(`!${path}`))).toEqual([]);
    expect(ignored).toContain('*');
  });

  it('has one volume, for the home, and opens the ports there are', () => {
    expect(values(runtime, 'VOLUME')).toEqual(['/var/lib/nolapse']);
    expect(values(runtime, 'ENV')).toContain('NOLAPSE_HOME=/var/lib/nolapse');
    expect(values(runtime, 'EXPOSE')).toEqual(['8883 8884 8880']);
  });

  it('has a health check that tells a running broker from one that is not', async () => {
    const [, json = '[]'] = /^HEALTHCHECK .*?CMD (\[.*\])$/m.exec(runtime) ?? [];
    const [command = '', ...args] = JSON.parse(json) as string[];
    expect(command).toBe('node');
    const check = (port: number) =>
      spawnSync(process.execPath, args, { env: { NOLAPSE_HTTP_PORT: String(port) }, encoding: 'utf8' }).status;
    const gateway = await startAsComposed();
    try {
      expect(check(gateway.httpPort)).toBe(0);
      // SIGTERM, as an engine sends it.
      expect(await gateway.stop()).toBe(0);
      expect(check(gateway.httpPort)).toBe(1);
    } finally {
      await gateway.remove();
    }
  });
});

describe('the compose file', () => {
  it('builds this image and gives it one volume', () => {
    expect(service.build).toEqual({ context: '..', dockerfile: 'docker/Dockerfile' });
    expect(service.volumes).toEqual(['home:/var/lib/nolapse']);
    expect(Object.keys(compose.volumes)).toEqual(['home']);
  });

  it('takes from the container what it does not need', () => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(service.ports).toEqual(['8883:8883', '127.0.0.1:8880:8880']);
  });

  it("hands the passphrase over as a secret, which encrypts every key; the home is its owner's alone", async () => {
    expect(service.secrets).toEqual(Object.keys(compose.secrets));
    expect(service.environment['NOLAPSE_PASSPHRASE_FILE']).toBe(`/run/secrets/${service.secrets[0]}`);
    expect(readFileSync('docker/.gitignore', 'utf8')).toContain('passphrase.txt');
    const gateway = await startAsComposed();
    try {
      const pki = join(gateway.place.home, 'pki');
      const keys = readdirSync(pki).filter((file) => file.endsWith('.key'));
      expect(keys.sort()).toEqual(['issuing.key', 'root.key', 'server.key']);
      for (const file of ['.', 'pki', 'nolapse.db', ...keys.map((key) => join('pki', key))]) {
        expect(statSync(join(gateway.place.home, file)).mode & 0o077, file).toBe(0);
      }
      for (const key of keys) expect(readFileSync(join(pki, key), 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    } finally {
      await gateway.remove();
    }
  });
});
