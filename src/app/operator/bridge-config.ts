// The section of mosquitto.conf that makes an unmodified mosquitto the bridge of a site gateway: text and nothing else. A value that
// could leave its line is refused, for mosquitto knows no quotes.
import { type AccessRules, accessOf, filterOf } from '../../domain/acl.ts';
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import { downWords, enrollmentRoot, upWords } from '../../domain/topics.ts';

export interface BridgeSettings {
  readonly id: PrincipalId;
  /** Where mosquitto reaches nolapse: `host:port`, or `host` alone for port 8883. */
  readonly address: string;
  /** Absolute paths on mosquitto's machine. Certificate and key may share a file. */
  readonly cafile: string;
  readonly certfile: string;
  readonly keyfile: string;
  /** Topics of the devices whose telemetry the gateway may carry. Absent: it carries none. */
  readonly telemetry?: readonly CarriedTopic[];
}

/** A filter, and which way it goes as mosquitto sees it. */
export interface CarriedTopic {
  readonly filter: string;
  readonly way: 'in' | 'out' | 'both';
}

/** What a gateway carries by its access list, as far as its delegations grant telemetry. */
export function carriedTopics(gateway: Principal, rules: AccessRules): CarriedTopic[] {
  const { publish, receive } = accessOf(gateway, 'full', rules).delegated;
  const [out, into] = [new Set(publish.map(filterOf)), new Set(receive.map(filterOf))];
  return [...new Set([...out, ...into])].map((filter) => {
    if (!into.has(filter)) return { filter, way: 'out' };
    return { filter, way: out.has(filter) ? 'both' : 'in' };
  });
}

/** Linux's PATH_MAX, its end included. */
const pathBytesMax = 4_095;
const portDefault = 8_883;

function pathFault(name: string, path: string): string | null {
  if (!path.startsWith('/')) return `${name}: expected an absolute path: mosquitto may be started anywhere`;
  // Mosquitto ends a value at the end of its line, without the blanks before it, and takes no control characters.
  if (/\p{Cc}|\p{Cs}|\s$/u.test(path)) return `${name}: a control character, or a blank at the end`;
  return Buffer.byteLength(path) > pathBytesMax ? `${name}: longer than ${pathBytesMax} bytes` : null;
}

/** A name or an IPv4 address, and a port; mosquitto 2.0 takes no IPv6 address here. */
function parseAddress(text: string): { readonly host: string; readonly port: number } | null {
  const [, host = '', digits] = /^([A-Za-z0-9_][A-Za-z0-9._-]{0,252})(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = digits === undefined ? portDefault : Number(digits);
  return host !== '' && port >= 1 && port <= 65_535 ? { host, port } : null;
}

/** How the bridge behaves where it carries enrollment alone, and where it carries telemetry too. */
const silent = [
  '# nolapse is no mosquitto: no private bridge protocol, no state topics, nothing retained, no unsubscribing in advance.',
  'try_private false',
  'notifications_local_only true',
  'bridge_outgoing_retain false',
  'bridge_attempt_unsubscribe false',
];
const carrying = [
  '# nolapse is no mosquitto: no state topics, no unsubscribing in advance. It does not send a bridge what the bridge itself said.',
  'try_private true',
  'notifications_local_only true',
  'bridge_outgoing_retain true',
  'bridge_attempt_unsubscribe false',
];

function sectionOf({ id, cafile, certfile, keyfile, telemetry = [] }: BridgeSettings, address: string): string {
  const topic = (word: string, way: 'in' | 'out'): string => `topic ${enrollmentRoot}+/${word} ${way} 1`;
  const carried = telemetry.map(({ filter, way }) => `topic ${filter} ${way} 1`);
  return `${[
    `# What ${id} is to nolapse, for mosquitto 2.0.9 or later. The same command makes it anew: nolapse gateway bridge-config ${id}`,
    `connection ${id}`,
    `address ${address}`,
    `remote_clientid ${id}`,
    'bridge_protocol_version mqttv311',
    '# Read anew at each connect: a replaced certificate needs no restart.',
    `bridge_cafile ${cafile}`,
    `bridge_certfile ${certfile}`,
    `bridge_keyfile ${keyfile}`,
    '# What is said while the link is down waits in mosquitto.',
    'cleansession false',
    'keepalive_interval 30',
    'restart_timeout 2 15',
    ...(carried.length > 0 ? carrying : silent),
    '# The same topics on both sides, each word in one direction only, so that nothing goes round in circles.',
    ...upWords.map((word) => topic(word, 'out')),
    ...downWords.map((word) => topic(word, 'in')),
    ...(carried.length > 0
      ? ['# What devices say and are told; nolapse takes and gives that of delegated devices alone.']
      : []),
    ...carried,
  ].join('\n')}\n`;
}

export type BridgeConfig =
  /** `host` has to be a name in the server's certificate. */
  { readonly section: string; readonly host: string } | { readonly faults: readonly string[] };

/** @returns the section, its lines ended; or every fault of what it was to be made of, each beginning with the setting's name. */
export function bridgeConfig(settings: BridgeSettings): BridgeConfig {
  const { cafile, certfile, keyfile } = settings;
  const target = parseAddress(settings.address);
  // A key that is in the certificate's file has no fault of its own.
  const paths = { cafile, certfile, ...(keyfile !== certfile && { keyfile }) };
  const faults = Object.entries(paths).flatMap(([name, path]) => pathFault(name, path) ?? []);
  if (!target) {
    const shown = JSON.stringify(settings.address.slice(0, 80));
    faults.unshift(`address: ${shown} is not a name or an IPv4 address with a port`);
  }
  const unfit = settings.telemetry?.find(({ filter }) => /[\s\p{Cc}]/u.test(filter));
  if (unfit) faults.push(`access: mosquitto takes no blank in a topic: ${JSON.stringify(unfit.filter)}`);
  if (!target || faults.length > 0) return { faults };
  return { section: sectionOf(settings, `${target.host}:${target.port}`), host: target.host };
}
