// The operations as the control socket and the command line call them: names are checked here, the verbs do the rest.
import type { Fingerprint, LedgerEntry, Serial } from '../../domain/certificate.ts';
import { type Delegation, isInForce } from '../../domain/delegation.ts';
import { type FindingKind, findingKinds } from '../../domain/finding.ts';
import {
  type CarriedContact,
  type Principal,
  type PrincipalId,
  parsePrincipalId,
  principalIdRule,
} from '../../domain/principal.ts';
import type { RenewalRefusal } from '../../domain/refusal.ts';
import { type Renewal, type RenewalState, renewalStates } from '../../domain/renewal.ts';
import { derToPem } from '../../pki/pem.ts';
import { trackedSince } from '../admission/own-absences.ts';
import { presenceOf } from '../admission/presence-view.ts';
import type { App } from '../context.ts';
import { decommission, quarantine } from '../inventory/decommission.ts';
import { addDelegation, listDelegations, revokeDelegation } from '../inventory/delegate.ts';
import { importCertificates } from '../inventory/import-certificates.ts';
import { addDevice, importDevices } from '../inventory/inventory.ts';
import { issueDevice } from '../inventory/issue-device.ts';
import { listSources, reconcile } from '../inventory/reconcile.ts';
import { setDevice } from '../inventory/set-device.ts';
import { OperationError, type OperationName, type Operations } from '../operations.ts';
import { evidence } from '../oversight/evidence.ts';
import { forecast } from '../oversight/forecast.ts';
import { acknowledgeAlert, clearAlert, listAlerts, showAlert } from '../oversight/handle-alert.ts';
import { lookedOverAt } from '../oversight/look-over.ts';
import { revoke } from '../renewal/revoke.ts';
import {
  abortCampaign,
  listCampaigns,
  pauseCampaign,
  resumeCampaign,
  showCampaign,
  startCampaign,
} from '../rollout/campaigns.ts';
import { previewCampaign } from '../rollout/preview-campaign.ts';
import { lookOverIfCheap, lookOverNow } from '../upkeep/begin-chores.ts';
import { viewOf } from '../view.ts';
import { copyLedger } from './copy-ledger.ts';
import { doctor } from './doctor.ts';
import { explainPolicy, listPolicies } from './explain-policy.ts';
import { listCertificates } from './list-certificates.ts';
import { type Reread, reload } from './reload.ts';
import { runRenewal } from './run-renewal.ts';

/** How long a look ahead is waited for. */
const fleetPatienceMs = 10_000;

const limitDefault = 1_000;
const limitMax = 10_000;

/**
 * The operations of this application. `serverDer` gives the server certificate in use, for the doctor; `reread` the configuration as
 * it is now, null on a home at rest. `isServing`: devices are served, and must not wait.
 */
export function operationsOf(
  app: App,
  serverDer: () => Uint8Array | null,
  reread: Reread | null = null,
  isServing = false,
): Operations {
  const { read } = app.store;
  return {
    addDevice: (input) => addDevice(app, input),
    importDevices: (input) => importDevices(app, input),
    setDevice: (input) => setDevice(app, input),
    issueDevice: ({ id, rsaBits }) => issueDevice(app, idOf(id), rsaBits),
    listDevices: ({ after, limit, ...query }) => read.principals(query, pageOf(after, limit)),
    showDevice: ({ id }) => showDevice(app, idOf(id)),
    decommissionDevice: ({ id, reason, ...more }) => decommission(app, { id: idOf(id), reason: reason ?? '', ...more }),
    quarantineDevice: ({ id, release }) => quarantine(app, idOf(id), release ?? false),
    addDelegation: (input) => addDelegation(app, input),
    listDelegations: ({ gateway, limit }) =>
      listDelegations(app, gateway === undefined ? null : idOf(gateway), pageOf(undefined, limit).limit),
    revokeDelegation: (input) => revokeDelegation(app, input),
    listRenewals: ({ device, state, limit }) =>
      read.renewals(
        {
          ...(device !== undefined && { principalId: idOf(device) }),
          ...(state !== undefined && { state: stateOf(state) }),
        },
        pageOf(undefined, limit).limit,
      ),
    showRenewal: ({ id }) => showRenewal(app, id),
    runRenewal: ({ device }) => runRenewal(app, idOf(device)),
    listCertificates: ({ after, limit, ...query }) => listCertificates(app, query, pageOf(after, limit)),
    importCertificates: (input) => importCertificates(app, input),
    showCertificate: async ({ id }) => {
      const entry = await findCertificate(app, id);
      return { certificate: viewOf(entry), pem: derToPem(entry.der, 'CERTIFICATE') };
    },
    revokeCertificate: async ({ id, reason, ...more }) => {
      const { fingerprint } = await findCertificate(app, id);
      const { entry, ...beside } = await revoke(app, fingerprint, reason ?? 'unspecified', more);
      return { ...viewOf(entry), ...beside };
    },
    crl: async () => {
      const list = await app.crls.whole();
      if (!list) throw new OperationError('not_found', ['no revocation list yet']);
      const { number, thisUpdate, nextUpdate, entries } = list;
      return { number, thisUpdate, nextUpdate, entries, file: app.shelf.pathOf(list) };
    },
    listSources: () => listSources(app),
    reconcile: (input) => reconcile(app, input),
    ...findingOperations(app),
    listAlerts: ({ limit, ...query }) => listAlerts(app, query, pageOf(undefined, limit).limit),
    showAlert: (input) => showAlert(app, input),
    acknowledgeAlert: (input) => acknowledgeAlert(app, input),
    clearAlert: (input) => clearAlert(app, input),
    ...campaignOperations(app),
    forecast: (query) => forecast(app, query),
    evidence: (query) => evidence(app, query),
    listPolicies: async () => listPolicies(app),
    explainPolicy: ({ id }) => explainPolicy(app, idOf(id)),
    reload: (input) => reload(app, reread, input),
    copyLedger: ({ file }) => copyLedger(app, file),
    doctor: () => doctor(app, serverDer(), isServing),
    fleet: () => app.foresight.view(app, fleetPatienceMs, { fresh: true }),
  };
}

type CampaignOperation = Extract<OperationName, `${string}Campaign` | 'listCampaigns'>;

function campaignOperations(app: App): Pick<Operations, CampaignOperation> {
  return {
    previewCampaign: (input) => previewCampaign(app, input),
    startCampaign: (input) => startCampaign(app, input),
    listCampaigns: ({ limit }) => listCampaigns(app, pageOf(undefined, limit).limit),
    showCampaign: ({ id }) => showCampaign(app, id),
    pauseCampaign: ({ id }) => pauseCampaign(app, id),
    resumeCampaign: ({ id }) => resumeCampaign(app, id),
    abortCampaign: ({ id }) => abortCampaign(app, id),
  };
}

function findingOperations(app: App): Pick<Operations, 'listFindings' | 'lookOver' | 'lookedOver'> {
  const { read } = app.store;
  return {
    listFindings: async ({ kind, after, limit }) => {
      const page = pageOf(after, limit);
      // What follows belongs to the look that the first page came from.
      if (after === undefined) await lookOverIfCheap(app);
      return read.findings({ ...(kind !== undefined && { kind: findingKindOf(kind) }), ...page }, page.limit);
    },
    lookOver: () => lookOverNow(app),
    lookedOver: async () => ({ at: await lookedOverAt(app) }),
  };
}

function idOf(text: string): PrincipalId {
  const id = parsePrincipalId(text);
  if (!id) throw new OperationError('invalid', [`id: not an id: ${principalIdRule}`]);
  return id;
}

function findingKindOf(text: string): FindingKind {
  if (Object.hasOwn(findingKinds, text)) return text as FindingKind;
  throw new OperationError('invalid', [`kind: not one of ${Object.keys(findingKinds).join(', ')}`]);
}

function stateOf(text: string): RenewalState {
  const state = renewalStates.find((candidate) => candidate === text);
  if (!state) throw new OperationError('invalid', [`state: not one of ${renewalStates.join(', ')}`]);
  return state;
}

function pageOf(after: string | undefined, limit: number | undefined): { after?: string; limit: number } {
  return { limit: Math.min(limit ?? limitDefault, limitMax), ...(after !== undefined && { after }) };
}

async function showDevice(app: App, id: PrincipalId) {
  const { read } = app.store;
  const principal = await read.principal(id);
  if (!principal) throw new OperationError('not_found', [`${id} is not in the inventory`]);
  const certificates = (await read.certificatesOf(id, { limit: shownMax })).map(viewOf);
  const renewals = await read.renewals({ principalId: id }, shownMax);
  return {
    principal,
    contact: await read.contact(id),
    carried: await carriedFor(app, principal),
    presence: await presenceOf(app, id),
    trackedSince: await trackedSince(read),
    certificates,
    renewals,
    refusals: await refusalsOf(app, renewals),
    delegations: (await standingFor(app, principal)).slice(0, shownMax),
  };
}

async function refusalsOf(app: App, renewals: readonly Renewal[]): Promise<RenewalRefusal[]> {
  const all: RenewalRefusal[] = [];
  for (const { id } of renewals) {
    await app.refusals.flush(app, id);
    all.push(...(await app.store.read.refusalsOf(id)));
  }
  return all;
}

async function carriedFor(app: App, principal: Principal): Promise<CarriedContact[]> {
  const speakers = new Set((await standingFor(app, principal)).map(({ gatewayId }) => gatewayId));
  return (await app.store.read.carriedContacts(principal.id)).filter(({ gatewayId }) => speakers.has(gatewayId));
}

async function standingFor(app: App, { id, kind, site }: Principal): Promise<Delegation[]> {
  const { read } = app.store;
  const now = app.clock.now();
  if (kind === 'gateway') return read.standingDelegations(id, now);
  return kind === 'device' ? (await read.delegationsFor(id, site)).filter((each) => isInForce(each, now)) : [];
}

/** Certificates, renewals and delegations shown of one device. */
const shownMax = 20;

async function showRenewal(app: App, id: string) {
  const renewal = await app.store.read.renewal(id);
  if (!renewal) throw new OperationError('not_found', [`no renewal ${id.slice(0, 64)}`]);
  await app.refusals.flush(app, id);
  const { read } = app.store;
  return {
    renewal,
    refusals: await read.refusalsOf(id),
    journal: await read.journal({ renewalId: id }, limitDefault),
  };
}

/** Digits that name a certificate when it alone begins with them. */
const digitsMin = 8;

/** By fingerprint or serial, or the beginning of either. What fits whole outweighs what only begins so. */
async function findCertificate(app: App, id: string): Promise<LedgerEntry> {
  const { read } = app.store;
  const hex = id.toLowerCase().replaceAll(':', '');
  const isId = /^n?[0-9a-f]{1,128}(@[0-9a-f]{0,16})?$/.test(hex);
  const whole =
    isId && ((await read.certificate(hex as Fingerprint)) ?? (await read.certificateBySerial(hex as Serial)));
  if (whole) return whole;
  const [entry, other] = isId && hex.length >= digitsMin ? await read.certificatesBeginning(hex, 2) : [];
  if (!entry) throw new OperationError('not_found', [`no certificate with fingerprint or serial ${id.slice(0, 80)}`]);
  if (other)
    throw new OperationError('conflict', [
      `several certificates begin with ${hex}: give more digits; nolapse cert list -o json has all of them`,
    ]);
  return entry;
}
