// The port of a next root as the application knows it from the start on: that of a broker that is made later, and none on a home at rest.
import type { NextPort, Reached } from '../ports/next-port.ts';

type Seen = Pick<NextPort, 'reach' | 'sessionsUnder'>;

export class LatePort implements Seen {
  /** Null: no broker runs. */
  port: Seen | null = null;

  async reach(roots: Parameters<NextPort['reach']>[0]): Promise<Reached> {
    return this.port?.reach(roots) ?? { ok: false, fault: 'no broker runs on this home: start it' };
  }

  sessionsUnder(root: number): number {
    return this.port?.sessionsUnder(root) ?? 0;
  }
}
