// The application over a ledger and a PKI of its own, without a broker: a test says who is there, and is told what is decided.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/index.ts';
import { assemble, initHome, type Parts } from '../../src/home/home.ts';
import type { HomeOptions } from '../../src/home/options.ts';
import type { DecisionLog } from '../../src/ports/decision-log.ts';
import type { Sessions } from '../../src/ports/sessions.ts';
import { nobody } from '../fakes/nobody.ts';
import { throughUnits } from '../fakes/rerunning-store.ts';
import { fillHome } from '../scenarios/made-home.ts';
import { recordingLog } from '../telemetry/recording-log.ts';

export interface AssembledOptions extends Pick<HomeOptions, 'clock' | 'throughAuthority' | 'throughStore'> {
  /** The whole configuration. */
  readonly yaml?: string;
  /** Beside it, by name. */
  readonly files?: Readonly<Record<string, string>>;
  readonly sessions?: Sessions;
  readonly tell?: DecisionLog['tell'];
}

export type Assembled = Parts & { readonly home: string; close(): Promise<void> };

export async function assembled(given: AssembledOptions = {}): Promise<Assembled> {
  const {
    yaml = '',
    files = {},
    sessions = nobody,
    tell = () => undefined,
    clock,
    throughAuthority,
    throughStore,
  } = given;
  const home = mkdtempSync(join(tmpdir(), 'nolapse-app-'));
  const file = join(home, 'nolapse.yaml');
  for (const [name, text] of Object.entries({ ...files, 'nolapse.yaml': yaml })) writeFileSync(join(home, name), text);
  const config = loadConfig({ file, env: {} });
  const through = { ...(clock && { clock }), ...(throughAuthority && { throughAuthority }) };
  const options = {
    home,
    config,
    log: recordingLog().log,
    ...through,
    ...(throughStore ? { throughStore } : throughUnits()),
  };
  if (!(await fillHome(home, config, through))) await initHome(options);
  const parts = await assemble(options, { tell }, sessions, 'use');
  return {
    ...parts,
    home,
    close: async () => {
      await parts.outbox.close();
      await parts.app.rounds.stop();
      await parts.app.store.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
