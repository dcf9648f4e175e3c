// The resources of the HTTP API: which operation each path carries out, and with what of the request. A table and nothing else: the server,
// its description and the command line all read it.
import type { OperationName } from '../../app/operator/catalog.ts';
import type { RecordKind } from '../../app/operator/version-of.ts';

export const apiRoot = '/api/v1';

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Below {@link apiRoot}. A part in braces is the key of the input that it has. */
  readonly path: string;
  readonly operation: OperationName;
  readonly summary: string;
  /** What the path alone says of the input. */
  readonly fixed?: Readonly<Record<string, unknown>>;
  /** Of a list: what the next page is asked after. Null: it has no pages. */
  readonly after?: ((row: Readonly<Record<string, unknown>>) => string) | null;
  /** Of which record its entity tag tells the version: what `If-Match` is held against. */
  readonly record?: RecordKind;
}

const by =
  (...keys: readonly string[]) =>
  (row: Readonly<Record<string, unknown>>): string =>
    keys.map((key) => String(row[key])).join('/');

const get = (path: string, operation: OperationName, summary: string, more: Partial<Route> = {}): Route => ({
  method: 'GET',
  path,
  operation,
  summary,
  ...more,
});
const post = (path: string, operation: OperationName, summary: string, more: Partial<Route> = {}): Route => ({
  ...get(path, operation, summary, more),
  method: 'POST',
});

const device = { record: 'device' } as const;
const certificate = { record: 'certificate' } as const;
const campaign = { record: 'campaign' } as const;
const alert = { record: 'alert' } as const;

export const routes: readonly Route[] = [
  get('/devices', 'listDevices', 'Devices, site gateways and services, in order of id', { after: by('id') }),
  post('/devices', 'addDevice', 'Put a device into the inventory'),
  get('/devices/{id}', 'showDevice', 'A device with its certificates, renewals and delegations', device),
  { ...post('/devices/{id}', 'setDevice', 'Change fields of its record', device), method: 'PATCH' },
  get('/devices/{id}/policy', 'explainPolicy', 'Which rule gave it which value, and what follows'),
  post('/devices/{id}/decommission', 'decommissionDevice', 'End it for good', device),
  post('/devices/{id}/quarantine', 'quarantineDevice', 'Keep it out', { ...device, fixed: { release: false } }),
  post('/devices/{id}/release', 'quarantineDevice', 'Let it in again', { ...device, fixed: { release: true } }),
  post('/devices/{device}/renew', 'runRenewal', 'Make its renewal due now'),
  get('/certificates', 'listCertificates', 'The ledger, in order of fingerprint', { after: by('fingerprint') }),
  post('/certificates/import', 'importCertificates', 'Take certificates into the ledger'),
  get('/certificates/{id}', 'showCertificate', 'A certificate with its PEM', certificate),
  post('/certificates/{id}/revoke', 'revokeCertificate', 'Revoke it', certificate),
  get('/renewals', 'listRenewals', 'Renewals, the newest first', { after: by('id') }),
  get('/renewals/{id}', 'showRenewal', 'A renewal with its journal', { record: 'renewal' }),
  get('/delegations', 'listDelegations', 'Delegations, in order of id', { after: by('id') }),
  post('/delegations', 'addDelegation', 'Let a site gateway act for devices'),
  post('/delegations/{id}/revoke', 'revokeDelegation', 'End a delegation', { record: 'delegation' }),
  get('/campaigns', 'listCampaigns', 'Campaigns and drills, the newest first', { after: null }),
  post('/campaigns', 'startCampaign', 'Start a campaign or a drill'),
  post('/campaigns/preview', 'previewCampaign', 'How much a campaign would mean'),
  get('/campaigns/{id}', 'showCampaign', 'A campaign with its cohorts', campaign),
  post('/campaigns/{id}/pause', 'pauseCampaign', 'Pause it', campaign),
  post('/campaigns/{id}/resume', 'resumeCampaign', 'Go on with it', campaign),
  post('/campaigns/{id}/abort', 'abortCampaign', 'End it', campaign),
  get('/alerts', 'listAlerts', 'Alerts, in order of kind and subject', { after: by('kind', 'subject') }),
  get('/alerts/{kind}/{subject}', 'showAlert', 'An alert', alert),
  post('/alerts/{kind}/{subject}/acknowledge', 'acknowledgeAlert', 'Take it on', alert),
  post('/alerts/{kind}/{subject}/clear', 'clearAlert', 'Say that it is over', alert),
  get('/findings', 'listFindings', 'What the fleet was found to have', { after: by('kind', 'subject') }),
  get('/findings/last', 'lookedOver', 'When the fleet was last looked over'),
  post('/findings/look', 'lookOver', 'Look the fleet over now'),
  post('/inventory/import', 'importDevices', 'Add and update devices from CSV or JSON lines'),
  post('/inventory/reconcile', 'reconcile', 'Read an inventory source'),
  get('/inventory/sources', 'listSources', 'Inventory sources', { after: null }),
  get('/forecast', 'forecast', 'Who is dark, and who will be'),
  get('/status', 'status', 'Whether anything goes dark, whose it is and what to do'),
  get('/fleet', 'fleet', 'The fleet in figures'),
  get('/policies', 'listPolicies', 'Every class at every criticality', { after: null }),
  post('/policies/reload', 'reload', 'Have the policies of the configuration take effect'),
  post('/evidence', 'evidence', 'A page of the records behind controls'),
  get('/trust', 'trustStatus', 'How roots and issuing CAs stand'),
  post('/trust/unproved', 'listUnproved', 'Who has not come under the next root yet'),
  post('/trust/exposed', 'listExposed', 'Who still trusts a root that is not to be trusted'),
  get('/doctor', 'doctor', "The gateway's own health", { after: null }),
  get('/tokens', 'listTokens', 'Tokens, in order of id', { after: by('id') }),
  post('/tokens', 'addToken', 'Make a token, which is shown this once'),
  post('/tokens/{id}/revoke', 'revokeToken', 'Revoke a token'),
];

/** The keys of the input that the path has. */
export function pathKeys({ path }: Pick<Route, 'path'>): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, key = '']) => key);
}
