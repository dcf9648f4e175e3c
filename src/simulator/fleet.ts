// A small fleet for people to watch: who is in it, what part each plays, and all of them started and stopped together.
import { type Encoding, type PrincipalId, parsePrincipalId } from '../domain/principal.ts';
import type { Target } from './connection.ts';
import { type Credential, memoryCredentials } from './credentials.ts';
import { Device } from './device.ts';
import type { DeviceEvent } from './event.ts';

/** `steady` stays connected; `sleeper` sleeps past its certificate's end; `leaver` is decommissioned and keeps knocking. */
type Part = 'steady' | 'sleeper' | 'leaver';

export interface Member {
  readonly id: PrincipalId;
  readonly class: string;
  readonly site: string;
  readonly owner: string;
  readonly encoding: Encoding;
  readonly part: Part;
  /** The largest MQTT packet it takes, in bytes. */
  readonly maxPacket: number;
}

/** What a computer has to spare, and the buffer of the smallest clients in use. */
const ample = 4_096;
const scant = 256;

function member(
  name: string,
  site: string,
  className: string,
  part: Part = 'steady',
  encoding: Encoding = 'json',
  maxPacket: number = ample,
): Member {
  const id = parsePrincipalId(name);
  if (!id) throw new Error(`${name} is no principal id`);
  const owner = site === 'north' ? 'water works' : 'building services';
  return { id, site, class: className, owner, part, encoding, maxPacket };
}

/** Twelve devices with lives of four lengths, so that something is always due; four of them fetch theirs piece by piece. */
export const twelve: readonly Member[] = [
  member('pump-01', 'north', 'brief'),
  member('pump-02', 'north', 'short'),
  member('pump-03', 'north', 'default'),
  member('pump-04', 'north', 'nap', 'sleeper'),
  member('valve-01', 'north', 'brief', 'steady', 'cbor'),
  member('valve-02', 'north', 'short', 'steady', 'cbor'),
  member('valve-03', 'north', 'default', 'leaver'),
  member('meter-01', 'south', 'brief', 'steady', 'cbor', scant),
  member('meter-02', 'south', 'short', 'steady', 'cbor', scant),
  member('meter-03', 'south', 'default', 'steady', 'cbor', scant),
  member('door-01', 'south', 'short', 'steady', 'json', scant),
  member('door-02', 'south', 'default'),
];

const retryMs: Readonly<Record<Part, { readonly first: number; readonly most: number }>> = {
  steady: { first: 500, most: 5_000 },
  sleeper: { first: 500, most: 5_000 },
  // Often enough to be seen, seldom enough not to fill the screen.
  leaver: { first: 5_000, most: 20_000 },
};

export class Fleet {
  readonly #devices = new Map<PrincipalId, Device>();
  readonly #gateway: Omit<Target, 'ca'>;
  /** Connects the broker refused. */
  refusals = 0;

  constructor(gateway: Omit<Target, 'ca'>) {
    this.#gateway = gateway;
  }

  get connected(): number {
    return [...this.#devices.values()].filter((device) => device.connected).length;
  }

  isConnected(id: string): boolean {
    return this.#devices.get(id as PrincipalId)?.connected ?? false;
  }

  /** Starts one device with its first certificate and the root it was given with it, in PEM. */
  start({ id, encoding, part, maxPacket }: Member, credential: Credential, ca: string): Device {
    const device = new Device({
      id,
      encoding,
      maxPacket,
      target: { ...this.#gateway, ca },
      store: memoryCredentials(credential),
      telemetryMs: 3_000,
      retryFirstMs: retryMs[part].first,
      retryMaxMs: retryMs[part].most,
    });
    device.listen((event: DeviceEvent) => {
      if (event.type === 'refused') this.refusals += 1;
    });
    this.#devices.set(id, device);
    device.start();
    return device;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#devices.values()].map((device) => device.stop()));
  }
}
