// What an operation shows and changes for somebody whose right is for some devices only. An operation that is not in the table is for all
// devices, and takes a right that is, too: access is denied by default.
import { covers, type Right } from '../../domain/access-right.ts';
import { kindsOfPrincipals } from '../../domain/alert.ts';
import { type Principal, parsePrincipalId } from '../../domain/principal.ts';
import { OperationError } from '../operation-error.ts';
import type { CutOffView } from '../views/decisions.ts';
import type { OperationName } from './catalog.ts';
import { findCertificate } from './find-certificate.ts';
import type { Ground } from './operation.ts';
import { limitOf } from './shapes.ts';

type Input = Readonly<Record<string, unknown>>;

interface Within {
  readonly ground: Ground;
  readonly right: Right;
  readonly input: Input;
  run(input: Input): Promise<unknown>;
}

type Reach = (within: Within) => Promise<unknown>;

async function principalIn({ ground }: Within, id: unknown): Promise<Principal | null> {
  const parsed = parsePrincipalId(id);
  return parsed && ground.app.store.read.principal(parsed);
}

async function isCovered(within: Within, id: unknown): Promise<boolean> {
  const found = await principalIn(within, id);
  return found !== null && covers(within.right, found);
}

const missing = (id: unknown): OperationError =>
  new OperationError('not_found', [`${String(id).slice(0, 80)} is not in the inventory`]);

/** Of one principal, which is in reach before, and of which nothing is shown that has left it meanwhile. */
const ofPrincipal =
  (key: string): Reach =>
  async (within) => {
    const { input } = within;
    if (!(await isCovered(within, input[key]))) throw missing(input[key]);
    const answer = await within.run(input);
    if (!(await isCovered(within, input[key]))) throw missing(input[key]);
    return withoutOthers(within, answer);
  };

const ids = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);

async function coveredOf(within: Within, names: readonly string[]): Promise<string[]> {
  const kept: string[] = [];
  for (const name of names) if (await isCovered(within, name)) kept.push(name);
  return kept;
}

/** Leaves out of an answer the devices that are others': those that delegations name, and the first that is cut off. */
async function withoutOthers(within: Within, answer: unknown): Promise<unknown> {
  if (typeof answer !== 'object' || answer === null) return answer;
  const { delegations, devices, gatewayId, cutOff, ...rest } = answer as Record<string, unknown>;
  const { first = null } = (cutOff ?? {}) as Partial<CutOffView>;
  const isOthers = first !== null && !(await isCovered(within, first.id));
  return {
    ...rest,
    ...(gatewayId !== undefined && { gatewayId }),
    ...(devices !== undefined && { devices: await coveredOf(within, ids(devices)) }),
    ...(delegations !== undefined && {
      delegations: Array.isArray(delegations)
        ? await Promise.all(delegations.map((each) => withoutOthers(within, each)))
        : delegations,
    }),
    ...(cutOff !== undefined && { cutOff: isOthers ? { ...(cutOff as object), first: null } : cutOff }),
  };
}

/** Rows that are read at a time, and looked through for one answer at most. */
const pageRows = 1_000;
const looked = 100_000;

/** Of a list, the rows whose principal is in reach. `keyOf`: what the next page is asked after; absent: the list has no pages. */
const rows =
  <Row>(whose: (row: Row) => unknown, keyOf?: (row: Row) => string, more?: Reach): Reach =>
  async (within) => {
    await more?.(within);
    const { input } = within;
    const limit = limitOf(input['limit'] as number | undefined);
    const found: Row[] = [];
    let after = input['after'];
    for (let read = 0; found.length < limit && read < looked; read += pageRows) {
      const page = (await within.run({
        ...input,
        limit: keyOf ? pageRows : limit,
        ...(after !== undefined && { after }),
      })) as Row[];
      for (const row of page) if (await isCovered(within, whose(row))) found.push(row);
      const last = page.at(-1);
      if (!keyOf || last === undefined || page.length < pageRows) break;
      after = keyOf(last);
      await within.ground.app.turns.take();
    }
    return found.slice(0, limit);
  };

/** Of one device, where the list is asked for one. */
const namedDevice =
  (key: string): Reach =>
  async (within) => {
    const named = within.input[key];
    if (named !== undefined && !(await isCovered(within, named))) throw missing(named);
  };

const ofAlert: Reach = async (within) => {
  const { kind, subject } = within.input;
  const isOfPrincipal = kindsOfPrincipals.some((each) => each === kind);
  if (!isOfPrincipal || !(await isCovered(within, subject))) {
    throw new OperationError('not_found', ['there was never an alert of this name']);
  }
  return within.run(within.input);
};

const ofCertificate: Reach = async (within) => {
  const { app } = within.ground;
  const id = String(within.input['id']);
  const { principalId } = await findCertificate(app, id);
  const hidden = new OperationError('not_found', [`no certificate with fingerprint or serial ${id.slice(0, 80)}`]);
  if (!(await isCovered(within, principalId))) throw hidden;
  const answer = await within.run(within.input);
  if (!(await isCovered(within, principalId))) throw hidden;
  return withoutOthers(within, answer);
};

const ofRenewal: Reach = async (within) => {
  const id = String(within.input['id']);
  const found = await within.ground.app.store.read.renewal(id);
  if (!found || !(await isCovered(within, found.principalId))) {
    throw new OperationError('not_found', [`no renewal ${id.slice(0, 64)}`]);
  }
  return within.run(within.input);
};

const ofDelegation: Reach = async (within) => {
  const id = String(within.input['id']);
  const found = await within.ground.app.store.read.delegation(id);
  if (!found || !(await isCovered(within, found.gatewayId))) {
    throw new OperationError('not_found', [`no delegation ${id.slice(0, 64)}`]);
  }
  return withoutOthers(within, await within.run(within.input));
};

/** For one owner, and at one site, of those the right is for. */
const forecast: Reach = async ({ right, input, run }) => {
  const one = (key: 'owner' | 'site', of: readonly string[] | null): Input => {
    if (of === null) return {};
    const named = input[key] ?? (of.length === 1 ? of[0] : undefined);
    if (named === undefined) throw new OperationError('invalid', [`${key}: name one of those you may see`]);
    if (!of.includes(String(named))) throw new OperationError('forbidden', [`${key}: not one of those you may see`]);
    return { [key]: named };
  };
  return run({ ...input, ...one('owner', right.owners), ...one('site', right.sites) });
};

const alertRows = rows<{ kind: string; subject: string }>(
  ({ kind, subject }) => (kindsOfPrincipals.some((each) => each === kind) ? subject : null),
  ({ kind, subject }) => `${kind}/${subject}`,
);

const directly: Reach = ({ input, run }) => run(input);

interface Named {
  readonly id: string;
}

const devices: Reach = ({ right, input, run }) => {
  const { owners, sites } = right;
  return run({ ...input, ...(owners && { owners }), ...(sites && { sites }) });
};

const reaches: Readonly<Partial<Record<OperationName, Reach>>> = {
  // What is written is held against the right as it is written.
  addDevice: directly,
  setDevice: ofPrincipal('id'),
  decommissionDevice: ofPrincipal('id'),
  quarantineDevice: ofPrincipal('id'),
  listDevices: devices,
  showDevice: ofPrincipal('id'),
  forecast,
  addDelegation: ofPrincipal('gateway'),
  revokeDelegation: ofDelegation,
  listDelegations: async (within) => {
    const list = (await rows<{ gatewayId: string } & Named>(
      (row) => row.gatewayId,
      undefined,
      namedDevice('gateway'),
    )(within)) as unknown[];
    return Promise.all(list.map((each) => withoutOthers(within, each)));
  },
  runRenewal: ofPrincipal('device'),
  listRenewals: rows<{ principalId: string } & Named>(
    (row) => row.principalId,
    (row) => row.id,
    namedDevice('device'),
  ),
  showRenewal: ofRenewal,
  revokeCertificate: ofCertificate,
  listCertificates: rows<{ principalId: string; fingerprint: string }>(
    (row) => row.principalId,
    (row) => row.fingerprint,
    namedDevice('device'),
  ),
  showCertificate: ofCertificate,
  acknowledgeAlert: ofAlert,
  clearAlert: ofAlert,
  showAlert: ofAlert,
  // In order of name, so that there are pages.
  listAlerts: (within) => alertRows({ ...within, input: { after: '', ...within.input } }),
  explainPolicy: ofPrincipal('id'),
  // They are held against the right of whoever asks by themselves.
  addToken: directly,
  revokeToken: directly,
  listTokens: directly,
};

/** Carries an operation out within a right. Rejects with `forbidden` where it is for all devices. */
export async function runWithin(name: OperationName, within: Within): Promise<unknown> {
  const reach = reaches[name];
  if (reach) return reach(within);
  throw new OperationError('forbidden', ['this takes a credential that is for all devices']);
}
