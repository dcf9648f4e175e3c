// Which chain each port shows, and which it should.
import { slotIn } from '../../domain/issuing-slots.ts';
import { dropCrossAt } from '../../domain/root-cross.ts';
import type { ShownChain } from '../../ports/served-roots.ts';
import type { Context } from '../context.ts';
import { readCross } from '../trust/kept-cross.ts';
import { portsMeant } from '../trust/ports-meant.ts';
import type { Check } from '../views/broker.ts';

type ChainContext = Pick<Context, 'store' | 'issuing' | 'clock' | 'served' | 'settings'>;

const replaced = 'it is replaced at the next heartbeat or start';

/** @param meant the number of the root that should be shown. */
async function portCheck(app: ChainContext, subject: string, shown: ShownChain, meant: number): Promise<Check> {
  const slots = await app.store.read.issuingSlots();
  const { certificate } = shown;
  const served = certificate && app.issuing.signerOf(certificate, slots);
  const by = served === null ? 'no issuing CA of this home' : `issuing CA ${served}`;
  const said = `${by} below root ${shown.root} is served`;
  const issuing = slotIn(slots, 'current', meant)?.number;
  if (shown.root === meant && (issuing === undefined || served === issuing)) {
    return { level: 'ok', subject, detail: `${said}, as is meant` };
  }
  return {
    level: 'error',
    subject,
    detail: `${said}, and issuing CA ${issuing} below root ${meant} is meant: ${replaced}`,
  };
}

/** @param server DER of the certificate that the first port shows, or would; null: there is none. */
export async function chainCheck(app: ChainContext, server: Uint8Array | null): Promise<Check[]> {
  if (server === null) return [];
  const { first, second } = await portsMeant(app);
  const { served } = app;
  // With a cross another chain is meant on the first port: its line says so.
  const isCrossed = (await readCross(app.store.read)) !== null;
  const checks = isCrossed
    ? []
    : [await portCheck(app, 'server chain', { ...served.first, certificate: server }, first)];
  if (second === null || (second === first && app.settings.mqttNextPort === null)) return checks;
  const subject = 'server chain of mqtt.nextPort';
  if (!served.isShowing) {
    return [...checks, { level: 'ok', subject, detail: `root ${second} is meant; no broker runs` }];
  }
  if (served.second === null || served.fault !== null) {
    const detail = `root ${second} is meant, and is not served: ${served.fault ?? 'the port is closed'}`;
    return [...checks, { level: 'error', subject, detail }];
  }
  return [...checks, await portCheck(app, subject, served.second, second), ...(await toldCheck(app, second))];
}

/** Do devices that learned of a root look for it at the port where it is? */
async function toldCheck({ store, settings }: ChainContext, root: number): Promise<Check[]> {
  const { port = null } = (await store.read.rootSlots()).find(({ number }) => number === root) ?? {};
  if (port === null || port === settings.mqttNextPort) return [];
  const detail = `root ${root} was prepared for port ${port}, and mqtt.nextPort is ${settings.mqttNextPort}: devices look for it at ${port}`;
  return [{ level: 'error', subject: 'server chain of mqtt.nextPort', detail }];
}

/** Some TLS stacks with records of 1 kB read no handshake message that is longer than one, less what a record adds. */
const messageBytesMax = 999;

/** Do the names of the server make its Certificate message longer than all clients can read? With RSA keys it always is. */
export async function namesCheck({ served, store }: Pick<ChainContext, 'served' | 'store'>): Promise<Check[]> {
  // With a cross the first port's message is longer, whatever the names are.
  const first = (await readCross(store.read)) ? [] : [served.first];
  const shown = [...first, ...(served.second ? [served.second] : [])];
  const bytes = Math.max(0, ...shown.map((each) => (each.hasRsaKey ? 0 : each.messageBytes)));
  if (bytes <= messageBytesMax) return [];
  const detail = `server.names make the Certificate message ${bytes} bytes long: TLS stacks that read ${messageBytesMax + 1} bytes at most do not connect; shorten them`;
  return [{ level: 'warning', subject: 'server names', detail }];
}

/** A cross certificate is an emergency means: that one is shown is never well. */
export async function crossCheck({ store, served }: Pick<Context, 'store' | 'served'>): Promise<Check[]> {
  const cross = await readCross(store.read);
  if (!cross) return [];
  const until = new Date(dropCrossAt(cross)).toISOString();
  const shown = `the first port shows the chain of root ${cross.root} with a cross by root ${cross.signer}, until ${until}`;
  const size = `its Certificate message has ${served.first.messageBytes} bytes, and TLS stacks that read ${messageBytesMax + 1} at most do not connect`;
  return [{ level: 'warning', subject: 'cross', detail: `${shown}; ${size}; nolapse trust cross --drop ends it` }];
}
