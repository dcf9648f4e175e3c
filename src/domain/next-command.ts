// What an operator does about somebody who is dark or will be: the command that comes next, as it can be typed. docs/operations.md has the
// same in words, under "nolapse forecast".
import { fileStem } from './escape.ts';
import type { DarkReason } from './forecast.ts';

/** Whom it is about. */
export interface Concerned {
  readonly id: string;
  /** The gateway it is behind; null: none. */
  readonly gateway: string | null;
  /** Its open renewal; null: none. */
  readonly renewal: string | null;
  /** Does its gateway stand in the inventory and have no certificate that lets it in? */
  readonly isGatewayDark?: boolean;
}

/** A command: `about` is its argument, and `option` one with its value. */
interface Command {
  readonly verb: string;
  readonly about?: string;
  readonly option?: readonly [name: string, value: string];
}

const plainArgument = /^[\w.@%+:,/-]+$/;

/** One argument for a POSIX shell. An id may hold what a shell gives a meaning to. */
function quoted(argument: string): string {
  return plainArgument.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

/** As it is typed. What begins with a dash is told apart from options. */
function typed({ verb, about, option }: Command): string {
  const [name, value = ''] = option ?? [];
  const options = name === undefined ? '' : ` ${name}${value.startsWith('-') ? '=' : ' '}${quoted(value)}`;
  if (about?.startsWith('-')) return `nolapse ${verb}${options} -- ${quoted(about)}`;
  return `nolapse ${verb}${about === undefined ? '' : ` ${quoted(about)}`}${options}`;
}

type Maker = (concerned: Concerned) => Command;

const showOne = (id: string): Command => ({ verb: 'device show', about: id });
const issueTo = (id: string): Command => ({ verb: 'device issue', about: id, option: ['--out', `./${fileStem(id)}`] });
const show: Maker = ({ id }) => showOne(id);
const issue: Maker = ({ id }) => issueTo(id);
const explain: Maker = ({ id }) => ({ verb: 'policy explain', about: id });
const refused: Maker = ({ id, renewal }) =>
  renewal === null ? { verb: 'renewal list', option: ['--device', id] } : { verb: 'renewal show', about: renewal };

const commands: Readonly<Record<DarkReason, Maker>> = {
  in_grace: show,
  ended: issue,
  revoked: issue,
  quarantined: ({ id }) => ({ verb: 'device release', about: id }),
  gateway_gone: ({ id, gateway, isGatewayDark }) =>
    gateway !== null && isGatewayDark ? issueTo(gateway) : showOne(gateway ?? id),
  not_delegated: ({ id, gateway }) =>
    gateway === null ? showOne(id) : { verb: 'delegation add', about: gateway, option: ['--device', id] },
  not_planned: ({ id }) => ({ verb: 'renewal run', about: id }),
  renewal_refused: refused,
  renewal_failed: refused,
  issuer_ends: () => ({ verb: 'trust status' }),
  away: show,
  never_came: show,
  comes_rarely: explain,
  no_lead: explain,
  no_key_mode: explain,
};

/** The command to be typed next, without the option that names the home. */
export function nextCommand(why: DarkReason, concerned: Concerned): string {
  return typed(commands[why](concerned));
}
