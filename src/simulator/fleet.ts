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
}

function member(
  name: string,
  site: string,
  className: string,
  part: Part = 'steady',
  encoding: Encoding = 'json',
): Member {
  const id = parsePrincipalId(name);
  if (!id) throw new Error(`${name} is no principal id`);
  return { id, site, class: className, owner: site === 'north' ? 'water works' : 'building services', part, encoding };
}

/** Twelve devices with lives of four lengths, so that something is always due. */
export const twelve: readonly Member[] = [
  member('pump-01', 'north', 'brief'),
  member('pump-02', 'north', 'short'),
  member('pump-03', 'north', 'default'),
  member('pump-04', 'north', 'nap', 'sleeper'),
  member('valve-01', 'north', 'brief', 'steady', 'cbor'),
  member('valve-02', 'north', 'short', 'steady', 'cbor'),
  member('valve-03', 'north', 'default', 'leaver'),
  member('meter-01', 'south', 'brief', 'steady', 'cbor'),
  member('meter-02', 'south', 'short', 'steady', 'cbor'),
  member('meter-03', 'south', 'default', 'steady', 'cbor'),
  member('door-01', 'south', 'short'),
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
  /** Connects the gateway refused. */
  refusals = 0;

  constructor(gateway: Omit<Target, 'ca'>) {
    this.#gateway = gateway;
  }

  get connected(): number {
    return [...this.#devices.values()].filter((device) => device.connected).length;
  }

  /** Starts one device with its first certificate and the root it was given with it, in PEM. */
  start({ id, encoding, part }: Member, credential: Credential, ca: string): Device {
    const device = new Device({
      id,
      encoding,
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
