// nolapse gateway ...: what the gateway of a site needs besides its certificate.
import type { Command } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import { bridgeConfig, carriedTopics } from '../app/operator/bridge-config.ts';
import type { Config } from '../config/index.ts';
import { isInForce } from '../domain/delegation.ts';
import { fileStem } from '../domain/escape.ts';
import { type CommonOptions, configOf, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { answer, remark } from './output.ts';

type BridgeOptions = CommonOptions & {
  readonly cafile?: string;
  readonly certfile?: string;
  readonly keyfile?: string;
  readonly address?: string;
};

const folder = '/etc/mosquitto/nolapse';
/** Delegations looked at. */
const delegationsMax = 1_000;

/** What this broker calls itself: the first of its names that means something on another machine, else the first. */
function ownAddress({ server, mqtt }: Config): string {
  const name = server.names.find((each) => !/^(localhost|127\.|.*:)/.test(each)) ?? server.names[0];
  return `${name}:${mqtt.port}`;
}

async function printBridgeConfig(surroundings: Surroundings, text: string, options: BridgeOptions): Promise<void> {
  const { principal, delegations } = await withOperations(surroundings, options, async (each) => {
    const shown = await each.showDevice({ id: text });
    const held = shown.principal.kind === 'gateway' ? { gateway: shown.principal.id, limit: delegationsMax } : null;
    return { principal: shown.principal, delegations: held ? await each.listDelegations(held) : [] };
  });
  const { id, kind, status } = principal;
  if (kind !== 'gateway') throw new OperationError('invalid', [`${id} is a ${kind}: only a gateway is bridged`]);
  if (status === 'decommissioned') throw new OperationError('conflict', [`${id} is decommissioned`]);
  const config = await configOf(surroundings, options);
  const certfile = options.certfile ?? `${folder}/${fileStem(id)}.pem`;
  const isCarrying = delegations.some((each) => each.telemetry && isInForce(each, Date.now()));
  const telemetry = isCarrying ? carriedTopics(principal, config.access) : [];
  const settings = {
    id,
    address: options.address ?? ownAddress(config),
    cafile: options.cafile ?? `${folder}/ca.crt`,
    certfile,
    keyfile: options.keyfile ?? certfile,
    ...(telemetry.length > 0 && { telemetry }),
  };
  const made = bridgeConfig(settings);
  if ('faults' in made) throw new OperationError('invalid', made.faults);
  if (!config.server.names.includes(made.host)) {
    remark(`${made.host} is none of server.names: mosquitto will not accept the server's certificate by that name`);
  }
  answer(options.output, { ...settings, section: made.section }, () => made.section);
}

export function registerGateway(program: Command, surroundings: Surroundings): void {
  const group = program.command('gateway').description('gateways that act for the devices of a site');
  withCommon(group.command('bridge-config'))
    .description("print the section for mosquitto.conf that makes a site's mosquitto this gateway")
    .argument('<id>')
    .option('--address <host:port>', "where mosquitto reaches nolapse; by default the server's own name and port")
    .option('--cafile <path>', `the root's certificate on mosquitto's machine (default: "${folder}/ca.crt")`)
    .option('--certfile <path>', `the gateway's certificate there (default: "${folder}/<id>.pem")`)
    .option('--keyfile <path>', 'its key (default: the same file)')
    .action((id: string, options: BridgeOptions) => printBridgeConfig(surroundings, id, options));
}
