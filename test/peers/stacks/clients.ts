// One client for each TLS stack: programs of this folder that are built here, and programs that are installed. Each connects to a port of
// this machine as `localhost`, trusts the roots it is given, shows the device's certificate, and says whether it was accepted.
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { runProgram } from '../device-program.ts';
import { type Chains, type Files, type Trust, trusts, writeFiles } from './chains.ts';
import type { StackName } from './table.ts';

/** Connects once; true when it was accepted. */
export type Client = (port: number, trust: Trust) => Promise<Answer>;

export interface Answer {
  readonly connected: boolean;
  /** What it said about it. */
  readonly said: string;
}

/** A CONNECT and a DISCONNECT, for programs that send what they read (MQTT 3.1.1, 3.1 and 3.14). */
const packets = Buffer.from('100c00044d5154540402003c0000e000', 'hex');
const timeoutMs = 20_000;
const run = promisify(execFile);

/** Runs a program that gets the packets from standard input, which stays open until the server ends the connection. */
async function withPackets(command: string, args: readonly string[]): Promise<Answer> {
  const child = spawn(command, args, { timeout: timeoutMs, killSignal: 'SIGKILL' });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => said.push(data));
  child.stdin.on('error', () => undefined);
  child.stdin.write(packets);
  const [code] = (await once(child, 'close')) as [number | null];
  return { connected: code === 0, said: Buffer.concat(said).toString('latin1') };
}

async function alone(command: string, args: readonly string[]): Promise<Answer> {
  const { code, said } = await runProgram(command, args);
  return { connected: code === 0, said };
}

/** A program of this folder that takes a case a line, as line-client.h says. */
class LineClient {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args);
    this.#child.stderr.on('data', (data: Buffer) => {
      this.#errors += data.toString();
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ask(...words: readonly (string | number)[]): Promise<Answer> {
    this.#child.stdin.write(`${words.join('\t')}\n`);
    const line = await this.#lines.next();
    const said = line.done ? `${this.#child.spawnfile} ended: ${this.#errors}` : line.value;
    return { connected: said === 'connected', said };
  }

  end(): void {
    this.#child.stdin.end();
  }
}

/** What clients are made with. */
export interface Workshop {
  readonly folder: string;
  readonly files: Files;
  readonly chains: Chains;
  /** Programs to be ended. */
  readonly started: LineClient[];
}

export function openWorkshop(chains: Chains): Workshop {
  return { folder: chains.folder, files: writeFiles(chains), chains, started: [] };
}

/** Where each client comes from, and the programs and files that it needs. */
interface Maker {
  readonly needs: readonly string[];
  make(workshop: Workshop): Promise<Client>;
}

const source = (file: string): string => resolve('test/peers/stacks', file);

function lineClient(workshop: Workshop, command: string, ...args: string[]): Client {
  const { files, started } = workshop;
  const client = new LineClient(command, args);
  started.push(client);
  return (port, trust) => client.ask(port, files.roots[trust], files.device.certificate, files.device.key);
}

const openssl = (...more: string[]): Maker => ({
  needs: ['openssl'],
  make: async ({ files: { roots, device } }) => {
    const own = ['-cert', device.certificate, '-key', device.key];
    return (port, trust) => {
      const verify = ['-CAfile', roots[trust], '-no-CApath', '-no-CAstore', '-verify_return_error', ...more];
      const to = ['-4', '-connect', `localhost:${port}`, '-verify_hostname', 'localhost'];
      return withPackets('openssl', ['s_client', '-quiet', ...to, ...verify, ...own]);
    };
  },
});

const python = (...flags: string[]): Maker => ({
  needs: ['python3'],
  make: async (workshop) => lineClient(workshop, 'python3', source('client.py'), ...flags),
});

const c = (name: string, header: string, ...libraries: string[]): Maker => ({
  needs: ['gcc', header],
  make: async (workshop) => {
    const program = join(workshop.folder, name);
    await run('gcc', ['-O1', '-Wall', '-Werror', '-o', program, source(`${name}.c`), ...libraries]);
    return lineClient(workshop, program);
  },
});

/** A database of certificates for each set of roots, with the device's own. */
async function nssDatabase({ folder, files, chains }: Workshop, trust: Trust): Promise<string> {
  const database = join(folder, `nss-${trust}`);
  mkdirSync(database);
  await run('certutil', ['-N', '-d', `sql:${database}`, '--empty-password']);
  for (const [place, pem] of chains.roots[trust].entries()) {
    const add = run('certutil', ['-A', '-d', `sql:${database}`, '-a', '-n', `root-${place}`, '-t', 'C,,']);
    add.child.stdin?.end(pem);
    await add;
  }
  const bundle = join(database, 'device.p12');
  const { certificate, key } = files.device;
  await run('openssl', [
    ...['pkcs12', '-export', '-in', certificate, '-inkey', key],
    ...['-name', 'device', '-out', bundle, '-passout', 'pass:none'],
  ]);
  await run('pk12util', ['-i', bundle, '-d', `sql:${database}`, '-W', 'none']);
  return `sql:${database}`;
}

export const makers: Readonly<Record<StackName, Maker>> = {
  'OpenSSL 3': openssl(),
  'OpenSSL 3, partial chain': openssl('-partial_chain'),
  'OpenSSL 3, strict': openssl('-x509_strict'),
  curl: {
    needs: ['curl'],
    make:
      async ({ files: { roots, device } }) =>
      (port, trust) => {
        const own = ['--cert', device.certificate, '--key', device.key];
        return alone('curl', ['-4', '-sS', '--cacert', roots[trust], ...own, `https://localhost:${port}/`]);
      },
  },
  mosquitto: {
    needs: ['mosquitto_pub'],
    make:
      async ({ files: { roots, device } }) =>
      (port, trust) => {
        const own = ['--cafile', roots[trust], '--cert', device.certificate, '--key', device.key];
        const message = ['-i', 'device-1', '-t', 'state', '-m', 'on'];
        return alone('mosquitto_pub', ['-h', 'localhost', '-p', `${port}`, ...own, ...message]);
      },
  },
  'Node.js': { needs: [], make: async (workshop) => (port, trust) => throughNode(workshop, port, trust) },
  Python: python(),
  'Python 3.13': python('strict'),
  'OpenSSL 1.0.2': c('openssl', '/usr/include/openssl/ssl.h', '-lssl', '-lcrypto'),
  GnuTLS: {
    needs: ['gnutls-cli'],
    make:
      async ({ files: { roots, device } }) =>
      (port, trust) => {
        const own = ['--x509certfile', device.certificate, '--x509keyfile', device.key];
        return withPackets('gnutls-cli', ['-p', `${port}`, '--x509cafile', roots[trust], ...own, 'localhost']);
      },
  },
  NSS: {
    needs: ['certutil', 'pk12util', 'tstclnt', 'openssl'],
    make: async (workshop) => {
      const packetsFile = join(workshop.folder, 'packets');
      writeFileSync(packetsFile, packets);
      const databases = new Map<Trust, string>();
      for (const trust of trusts) databases.set(trust, await nssDatabase(workshop, trust));
      return (port, trust) => {
        // Without a nickname NSS itself looks for a certificate.
        const own = ['-d', `${databases.get(trust)}`];
        return alone('tstclnt', ['-4', '-h', 'localhost', '-p', `${port}`, ...own, '-A', packetsFile]);
      };
    },
  },
  Java: {
    needs: ['java', 'javac'],
    make: async (workshop) => {
      const classes = join(workshop.folder, 'java');
      await run('javac', ['-d', classes, source('Client.java')]);
      return lineClient(workshop, 'java', '-XX:TieredStopAtLevel=1', '-cp', classes, 'Client');
    },
  },
  Go: {
    needs: ['go'],
    make: async (workshop) => {
      const program = join(workshop.folder, 'go-client');
      await run('go', ['build', '-o', program, source('client.go')]);
      return lineClient(workshop, program);
    },
  },
  rustls: {
    needs: ['cargo', 'gcc'],
    make: async (workshop) => {
      // Kept from run to run: the packages that it is made of take a quarter of a minute to compile.
      const target = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'nolapse-peers/rustls');
      const manifest = source('rustls/Cargo.toml');
      await run('cargo', ['build', '--quiet', '--locked', '--manifest-path', manifest, '--target-dir', target]);
      return lineClient(workshop, join(target, 'debug/stacks-rustls'));
    },
  },
  mbedTLS: c('mbedtls', '/usr/include/mbedtls/ssl.h', '-lmbedtls', '-lmbedx509', '-lmbedcrypto'),
  MicroPython: {
    needs: ['micropython'],
    make: async (workshop) => lineClient(workshop, 'micropython', source('client-micropython.py')),
  },
  BearSSL: c('bearssl', '/usr/include/bearssl.h', '-lbearssl'),
  wolfSSL: c('wolfssl', '/usr/include/wolfssl/ssl.h', '-lwolfssl'),
};

function throughNode({ files: { roots, device } }: Workshop, port: number, trust: Trust): Promise<Answer> {
  return new Promise((settle) => {
    const [ca, cert, key] = [roots[trust], device.certificate, device.key].map((file) => readFileSync(file));
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca, cert, key });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer')));
    socket.once('secureConnect', () => socket.write(packets));
    socket.on('error', (error) => settle({ connected: false, said: error.message }));
    socket.once('data', (data) => settle({ connected: data[0] === 0x20 && data[3] === 0, said: data.toString('hex') }));
    socket.once('close', () => settle({ connected: false, said: 'ended' }));
  });
}
