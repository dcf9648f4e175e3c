// Reads the configuration of a running broker anew, whole or not at all: its policies can take effect at once, and what else in it is
// other than at the start is named.
import { OperationError } from '../app/operation-error.ts';
import type { Reread } from '../app/operator/reload.ts';
import { ConfigError } from '../config/fault.ts';
import type { Config } from '../config/index.ts';

type Section = Exclude<keyof Config, 'policies'>;

/** As each is called in the file. */
const sections: Readonly<Record<Section, string>> = {
  mqtt: 'mqtt',
  websocket: 'websocket',
  proxies: 'proxies',
  http: 'http',
  api: 'api',
  server: 'server',
  skewMs: 'skew',
  access: 'access',
  limits: 'limits',
  rollout: 'rollout',
  bootstrap: 'bootstrap',
  authority: 'authority',
  crl: 'crl',
  issued: 'issued',
  journal: 'journal',
  sweep: 'sweep',
  sources: 'sources',
  alerts: 'alerts',
  findings: 'findings',
  trust: 'trust',
  log: 'log',
};

/** @returns null where there is nothing to read it with. What it returns throws an OperationError `invalid` with every fault. */
export function rereader(started: Config, readConfig: (() => Config) | undefined): Reread | null {
  if (!readConfig) return null;
  return () => {
    const config = whole(readConfig);
    const names = Object.keys(sections) as Section[];
    const differing = names.filter((name) => textOf(started[name]) !== textOf(config[name]));
    return { policies: config.policies, atNextStart: differing.map((name) => sections[name]) };
  };
}

function textOf(section: unknown): string {
  return JSON.stringify(section, (_key, value: unknown) => (value instanceof Map ? [...value] : value));
}

function whole(readConfig: () => Config): Config {
  try {
    return readConfig();
  } catch (error) {
    if (error instanceof ConfigError) throw new OperationError('invalid', error.message.split('\n'));
    throw error;
  }
}
