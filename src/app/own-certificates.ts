// The gateway's own certificates: how long each has left, and who is to be told. Devices are renewed by what stands here, so it
// comes before them, and louder.
import { formatDuration, type Instant } from '../domain/time.ts';
import { inspectCertificate } from '../pki/x509.ts';
import type { Alert } from '../ports/notifier.ts';
import type { App } from './context.ts';
import type { Finding } from './operations.ts';

/** Share of a certificate's life that must be left for it to be well. The server's is renewed while a third is left. */
const wellShare = 1 / 4;
const alertEveryMs = 86_400_000;

const noServer: Finding = {
  level: 'error',
  subject: 'server certificate',
  detail: 'there is none that belongs to its key: the next start makes one',
};

/** What is to be said about each, good or bad, the root first. `server` is the DER of the server's certificate, if there is one. */
export function ownFindings(app: App, server: Uint8Array | null): Finding[] {
  const now = app.clock.now();
  return [
    lifeOf('root certificate', app.authority.root, now),
    ...app.authority.chain.map((der, place) => lifeOf('issuing certificate', der, now, place === 0 ? longest(app) : 0)),
    server ? lifeOf('server certificate', server, now) : noServer,
  ];
}

/** The longest lifetime a policy has. */
function longest({ policies }: App): number {
  return Math.max(...policies.all().map(({ lifetimeMs }) => lifetimeMs));
}

/** @param neededMs how much must be left for what it signs to have its whole life. */
function lifeOf(subject: string, der: Uint8Array, now: Instant, neededMs = 0): Finding {
  const { notBefore, notAfter } = inspectCertificate(der);
  const [begins, ends] = [notBefore, notAfter].map((at) => new Date(at).toISOString());
  const left = notAfter - now;
  if (notBefore > now) return { level: 'error', subject, detail: `begins ${begins}: is the clock right?` };
  if (left <= 0) return { level: 'error', subject, detail: `ended ${ends}` };
  const isShort = left < neededMs;
  const detail = `ends ${ends}, in ${formatDuration(left)}${isShort ? '; certificates are cut short' : ''}`;
  return { level: isShort || left < (notAfter - notBefore) * wellShare ? 'warning' : 'ok', subject, detail };
}

const kinds: Readonly<Record<string, Alert['kind']>> = {
  'root certificate': 'issuer_near_end',
  'issuing certificate': 'issuer_near_end',
  'server certificate': 'server_certificate',
};

/** Alerts about what is not well: when it is first found, and once a day for as long as it stays so. */
export class OwnAlerts {
  readonly #toldAt = new Map<string, number>();

  raise(app: App, findings: readonly Finding[]): void {
    const steady = app.clock.steady();
    for (const { subject, level, detail } of findings) {
      const kind = kinds[subject];
      if (level === 'ok' || !kind) {
        this.#toldAt.delete(subject);
        continue;
      }
      if (steady < (this.#toldAt.get(subject) ?? Number.NEGATIVE_INFINITY) + alertEveryMs) continue;
      this.#toldAt.set(subject, steady);
      app.notifier.alert({ kind, subject, detail });
    }
  }
}
