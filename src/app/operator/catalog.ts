// Every operation there is, by the resource it belongs to, and what it does there. A table and nothing else: faces load it at once,
// and what carries the operations out only where they are carried out.

/**
 * `reads`: it changes nothing that an operator decides. `changes`: it needs somebody who does it, whom the journal names. `takes a file`:
 * it changes, and its `text` may come as a stream.
 */
export type Effect = 'reads' | 'changes' | 'takes a file';

export const catalog = {
  devices: {
    addDevice: 'changes',
    setDevice: 'changes',
    issueDevice: 'changes',
    packageDevice: 'changes',
    decommissionDevice: 'changes',
    quarantineDevice: 'changes',
    listDevices: 'reads',
    showDevice: 'reads',
  },
  inventory: {
    importDevices: 'takes a file',
    reconcile: 'changes',
    listSources: 'reads',
    forecast: 'reads',
    status: 'reads',
    fleet: 'reads',
  },
  delegations: {
    addDelegation: 'changes',
    revokeDelegation: 'changes',
    listDelegations: 'reads',
  },
  renewals: {
    runRenewal: 'changes',
    listRenewals: 'reads',
    showRenewal: 'reads',
  },
  certificates: {
    importCertificates: 'takes a file',
    revokeCertificate: 'changes',
    listCertificates: 'reads',
    showCertificate: 'reads',
    crl: 'reads',
  },
  campaigns: {
    startCampaign: 'changes',
    pauseCampaign: 'changes',
    resumeCampaign: 'changes',
    abortCampaign: 'changes',
    previewCampaign: 'reads',
    listCampaigns: 'reads',
    showCampaign: 'reads',
  },
  alerts: {
    acknowledgeAlert: 'changes',
    clearAlert: 'changes',
    listAlerts: 'reads',
    showAlert: 'reads',
  },
  findings: {
    listFindings: 'reads',
    lookOver: 'reads',
    lookedOver: 'reads',
  },
  policies: {
    reload: 'changes',
    listPolicies: 'reads',
    explainPolicy: 'reads',
  },
  evidence: {
    evidence: 'reads',
  },
  trust: {
    prepareIssuing: 'changes',
    installIssuing: 'changes',
    activateIssuing: 'changes',
    abortIssuing: 'changes',
    retireIssuing: 'changes',
    releaseIssuing: 'changes',
    prepareRoot: 'changes',
    installRoot: 'changes',
    distributeRoot: 'changes',
    activateRoot: 'changes',
    retireRoot: 'changes',
    abortRoot: 'changes',
    withdrawRoot: 'changes',
    releaseRoot: 'changes',
    confirmBackup: 'changes',
    rootRequest: 'reads',
    crossRoots: 'changes',
    requestCross: 'changes',
    installCross: 'changes',
    dropCross: 'changes',
    requestRootList: 'changes',
    installRootLists: 'changes',
    rootList: 'reads',
    listUnproved: 'reads',
    compromiseIssuing: 'changes',
    compromiseRoot: 'changes',
    loseRootKey: 'changes',
    findRootKey: 'changes',
    listExposed: 'reads',
    trustStatus: 'reads',
  },
  access: {
    addToken: 'changes',
    revokeToken: 'changes',
    listTokens: 'reads',
    addOperator: 'changes',
    revokeOperator: 'changes',
    listOperators: 'reads',
  },
  broker: {
    copyLedger: 'changes',
    doctor: 'reads',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Effect>>>>;

export type Catalog = typeof catalog;
export type Resource = keyof Catalog;
export type OperationName = { [R in Resource]: keyof Catalog[R] }[Resource];

const effects: ReadonlyMap<string, Effect> = new Map(Object.values(catalog).flatMap((each) => Object.entries(each)));

export const operationNames = [...effects.keys()] as readonly OperationName[];

export function effectOf(name: OperationName): Effect {
  return effects.get(name) ?? 'changes';
}
