// Which devices no source has: entered by hand, or brought by a source that is configured no more, and not in the source that was read.
// They are only named: whether they belong here is for people to say.
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import type { Context } from '../context.ts';
import { afterId, pagesOf } from '../pages.ts';
import type { WithTurns } from '../turns.ts';

/** Principals read before others have a turn. */
const pageRows = 500;
/** Findings about devices that another source has too. */
const findingsMax = 10_000;

/** @param told what the source that is read has. In order of their ids; none that is decommissioned. */
export async function unsourced(
  app: Pick<Context, 'store' | 'settings'> & WithTurns,
  told: ReadonlyMap<PrincipalId, unknown>,
): Promise<PrincipalId[]> {
  const elsewhere = await inOtherSources(app);
  const found: PrincipalId[] = [];
  const next = (last: Principal | null) => {
    return app.store.read.principals({ kind: 'device' }, { limit: pageRows, ...afterId(last) });
  };
  for await (const page of pagesOf(pageRows, next)) {
    for (const { id, status, source } of page) {
      const isSourced = source !== null && app.settings.sources.has(source);
      if (status !== 'decommissioned' && !isSourced && !told.has(id) && !elsewhere.has(id)) found.push(id);
    }
    await app.turns.take();
  }
  return found;
}

/** Entered by hand, and in a source too when it was read last. */
async function inOtherSources(app: Pick<Context, 'store' | 'settings'>): Promise<ReadonlySet<string>> {
  const findings = await app.store.read.findings({ kind: 'not_of_source' }, findingsMax);
  const standing = findings.map(({ subject }) => {
    const at = subject.indexOf('/');
    return { source: subject.slice(0, at), id: subject.slice(at + 1) };
  });
  return new Set(standing.filter(({ source }) => app.settings.sources.has(source)).map(({ id }) => id));
}
