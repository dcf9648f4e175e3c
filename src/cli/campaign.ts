// nolapse campaign ...: certificates replaced before their time, cohort by cohort; and nolapse drill, which proves that a cohort can
// renew and replaces nothing.

import { type Command, InvalidArgumentError } from 'commander';
import type { CampaignPreview, CampaignScope, CampaignView, NewCampaign } from '../app/views/campaigns.ts';
import { counted } from '../domain/counted.ts';
import { type Cohort, cohorts } from '../domain/principal.ts';
import { formatDuration, parseDuration } from '../domain/time.ts';
import { withReason } from './actor.ts';
import {
  type CommonOptions,
  remarkIfFull,
  type Surroundings,
  withCommon,
  withLimit,
  withOperations,
} from './invocation.ts';
import { answer, answerList, cell, fields, moment, time } from './output.ts';
import { fold, table } from './table.ts';

type StartOptions = CommonOptions & {
  readonly reason: string;
  readonly class?: string;
  readonly site?: string;
  readonly issuedBefore?: string;
  readonly issuerNotCurrent?: boolean;
  readonly reasonCode?: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
};
type DrillOptions = CommonOptions & {
  readonly cohort: Cohort;
  readonly class?: string;
  readonly site?: string;
  readonly wait?: number;
  readonly dryRun?: boolean;
};

/** How often a drill that is waited for is looked at. */
const lookMs = 500;

function parseCohort(text: string): Cohort {
  const cohort = cohorts.find((each) => each === text);
  if (cohort) return cohort;
  throw new InvalidArgumentError(`expected one of ${cohorts.join(', ')}.`);
}

function parseWait(text: string): number {
  const ms = parseDuration(text);
  if (ms !== null && ms > 0) return ms;
  throw new InvalidArgumentError('expected a duration such as 90s, 12h or 7d.');
}

function scopeOf(campaign: CampaignView): string {
  const { class: className, site, otherIssuer, issuedBefore } = campaign;
  const parts = [
    `issued before ${time(issuedBefore)}`,
    ...(otherIssuer ? ['by another CA'] : []),
    ...(className === null ? [] : [`class ${className}`]),
    ...(site === null ? [] : [`site ${site}`]),
  ];
  return parts.join(', ');
}

function progressTable({ cohorts: seen }: CampaignView): string {
  if (seen.length === 0) return '';
  const rows = seen.map(({ cohort, members, activated, failed, states }) => [
    cohort,
    cell(members),
    cell(activated),
    cell(failed),
    Object.entries(states)
      .map(([state, count]) => `${count} ${state}`)
      .join(', '),
  ]);
  return `\n${table(['COHORT', 'RENEWALS', 'ACTIVATED', 'FAILED', 'BY STATE'], rows)}`;
}

function campaignFields(campaign: CampaignView): string {
  const { now } = campaign;
  const known = fields([
    [campaign.drill ? 'drill' : 'campaign', campaign.id],
    ['reason', cell(campaign.reason)],
    ['state', campaign.state],
    ['detail', cell(campaign.detail)],
    ['cohort', `${campaign.cohort}, since ${moment(campaign.cohortAt, now)}`],
    ['replaces', cell(scopeOf(campaign))],
    ['revoked as', campaign.reasonCode ?? 'superseded'],
    ['share reached', time(campaign.reachedAt)],
    ['left out', cell(campaign.leftOut)],
    ['begun', moment(campaign.startedAt, now)],
  ]);
  return known + progressTable(campaign);
}

function campaignTable(campaigns: readonly CampaignView[]): string {
  return table(
    ['CAMPAIGN', '', 'STATE', 'COHORT', 'BEGUN', fold('REASON')],
    campaigns.map(({ id, drill, state, cohort, startedAt, reason }) => [
      id,
      drill ? 'drill' : '',
      state,
      cohort,
      time(startedAt),
      cell(reason),
    ]),
  );
}

function show(options: CommonOptions, campaign: CampaignView): void {
  answer(options.output, campaign, () => campaignFields(campaign));
  if (campaign.state === 'stopped') process.exitCode = 1;
}

async function start(surroundings: Surroundings, options: StartOptions): Promise<void> {
  const { reason, issuedBefore, issuerNotCurrent, reasonCode, class: className, site, all, dryRun } = options;
  const input: NewCampaign = {
    reason,
    ...(className !== undefined && { class: className }),
    ...(site !== undefined && { site }),
    ...(issuedBefore !== undefined && { issuedBefore }),
    ...(issuerNotCurrent && { otherIssuer: true }),
    ...(reasonCode !== undefined && { reasonCode }),
    ...(all && { all }),
  };
  if (dryRun) return preview(surroundings, options, input);
  const begun = await withOperations(surroundings, options, (each) => each.startCampaign(input));
  answer(options.output, begun, () => `${campaignFields(begun)}\n${scopeWords(begun.meant)}`);
}

/** Exit code 1 where the campaign itself would be refused. */
async function preview(surroundings: Surroundings, options: CommonOptions, input: NewCampaign): Promise<void> {
  const shown = await withOperations(surroundings, options, (each) => each.previewCampaign(input));
  answer(options.output, shown, () => scopeWords(shown.meant) + previewVerdict(shown));
  if (shown.needsAll) process.exitCode = 1;
}

function previewVerdict({ needsAll }: CampaignPreview): string {
  return needsAll ? 'not started: this is the whole fleet, which needs --all\n' : 'not started: a dry run\n';
}

function scopeWords({ certificates, devices, leftOut, cohorts: rows }: CampaignScope): string {
  const skipped = leftOut > 0 ? `; ${leftOut} left out` : '';
  const total = `in scope: ${counted(certificates, 'certificate')} of ${counted(devices, 'device')}${skipped}\n`;
  return total + rows.map((row) => `  ${row.cohort}: ${row.certificates}\n`).join('');
}

/** Exit code 1 when it is waited for and has not proven what it is to prove. */
async function drill(surroundings: Surroundings, options: DrillOptions): Promise<void> {
  const { cohort, class: className, site, wait, dryRun } = options;
  const scope = { ...(className !== undefined && { class: className }), ...(site !== undefined && { site }) };
  const input: NewCampaign = { reason: `drill of cohort ${cohort}`, drill: true, cohort, ...scope };
  if (dryRun) return preview(surroundings, options, input);
  const ended = await withOperations(surroundings, options, async (operations) => {
    let campaign: CampaignView = await operations.startCampaign(input);
    const until = performance.now() + (wait ?? 0);
    while (campaign.state === 'running' && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(lookMs, until - performance.now())));
      campaign = await operations.showCampaign({ id: campaign.id });
    }
    return campaign;
  });
  show(options, ended);
  if (wait !== undefined && ended.state !== 'done') process.exitCode = 1;
}

export function registerCampaign(program: Command, surroundings: Surroundings): void {
  const group = program.command('campaign').description('replace certificates before their time, cohort by cohort');
  withCommon(group.command('start'))
    .description('start to replace certificates, the canaries first')
    .requiredOption('--reason <text>', 'why, for the record')
    .option('--class <name>', 'only of this class')
    .option('--site <site>', 'only at this site')
    .option('--issued-before <when>', 'only those issued before this date or time (UTC); default: now')
    .option('--issuer-not-current', 'only those that a CA other than the present one has signed')
    .option('--reason-code <code>', 'revoke what is replaced with this reason; keyCompromise asks for new keys')
    .option('--all', 'the whole fleet; needed where no filter is given')
    .option('--dry-run', 'only show how many certificates it would replace')
    .action((options: StartOptions) => start(surroundings, options));
  withLimit(withCommon(group.command('list')))
    .description('list campaigns and drills, the newest first')
    .action(async (options: CommonOptions & { readonly limit: number }) => {
      const { limit } = options;
      const list = await withOperations(surroundings, options, (each) => each.listCampaigns({ limit }));
      answerList(options.output, 'campaigns and drills', list, () => campaignTable(list));
      remarkIfFull(list, limit, 'raise --limit');
      if (list.some(({ state }) => state === 'stopped')) process.exitCode = 1;
    });
  const verbs = {
    show: ['showCampaign', 'show one campaign and how far each cohort has come'],
    pause: ['pauseCampaign', 'hold back what it has not offered yet'],
    resume: ['resumeCampaign', 'go on, also after it stopped by itself'],
    abort: ['abortCampaign', 'end it, and call off what is not issued'],
  } as const;
  for (const [name, [operation, description]] of Object.entries(verbs)) {
    const command = withCommon(group.command(name));
    (name === 'show' ? command : withReason(command))
      .description(description)
      .argument('<campaign>')
      .action(async (id: string, options: CommonOptions) =>
        show(options, await withOperations(surroundings, options, (each) => each[operation]({ id }))),
      );
  }
  withReason(withCommon(program.command('drill')))
    .description('renew a cohort and prove that it works, without replacing anything')
    .requiredOption('--cohort <cohort>', cohorts.join(', '), parseCohort)
    .option('--class <name>', 'only of this class')
    .option('--site <site>', 'only at this site')
    .option('--wait <duration>', `wait this long for the result, such as ${formatDuration(600_000)}`, parseWait)
    .option('--dry-run', 'only show how many certificates it would renew')
    .action((options: DrillOptions) => drill(surroundings, options));
}
