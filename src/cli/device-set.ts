// nolapse device set: single fields of a record.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DeviceChange, DeviceChangedView } from '../app/views/devices.ts';
import { cohorts, criticalities, encodings, keyModes } from '../domain/principal.ts';
import { parseModes, parseWhole } from './arguments.ts';
import { answerWords, type DryRunOptions, dryRunOf, withDryRun } from './dry-run.ts';
import { type InsistenceOptions, insistenceOf, withInsistence } from './insistence.ts';
import { apartOf, type CommonOptions, type Surroundings, withCommon, withOperations } from './invocation.ts';
import { remarkFirst } from './names.ts';
import { answer, cell, plain } from './output.ts';

type SetOptions = CommonOptions & InsistenceOptions & DryRunOptions & Omit<DeviceChange, 'id'>;

/** One of these, or nothing at all. */
function choice(flags: string, description: string, values: readonly string[]): Option {
  return new Option(flags, `${description}: ${values.join(', ')}`).argParser((text) => {
    if (text === '' || values.includes(text)) return text;
    throw new InvalidArgumentError(`expected one of ${values.join(', ')}.`);
  });
}

const wholeOrNothing = (text: string): number | '' => (text === '' ? '' : parseWhole(text));
const modesOrNone = (text: string) => (text === '' ? [] : parseModes(text));

export function registerDeviceSet(group: Command, surroundings: Surroundings): void {
  withDryRun(withInsistence(withCommon(group.command('set'))))
    .description("change fields of a record; other fields stay, and '' empties a field")
    .argument('<id>')
    .option('--owner <owner>', 'who answers for it')
    .option('--class <class>', 'its class in the configuration')
    .option('--site <site>', 'where it is')
    .option('--gateway <id>', 'the gateway that speaks for it')
    .addOption(choice('--criticality <level>', 'how much depends on it', criticalities))
    .addOption(choice('--encoding <encoding>', 'the encoding to use until it has sent a message', encodings))
    .option('--modes <modes>', `key modes it can do, separated by commas: ${keyModes.join(', ')}`, modesOrNone)
    .option('--max-packet <bytes>', 'the largest MQTT packet it takes, until it says so itself', wholeOrNothing)
    .option('--slots <count>', 'credentials it can hold at once, until it says so itself', wholeOrNothing)
    .addOption(choice('--cohort <cohort>', 'its turn in campaigns', cohorts))
    .action(async (id: string, options: SetOptions) => {
      const { output, force: _force, reason: _reason, by: _by, ...given } = apartOf(options);
      const done = await withOperations(surroundings, options, async (each) => {
        const set = await each.setDevice({ id, ...given, ...insistenceOf(options), ...dryRunOf(options) });
        await remarkFirst(each, { ...given, id });
        return set;
      });
      answer(output, done, () => answerWords([changedWords(done)], done.dryRun));
    });
}

function changedWords({ id, source, changed }: DeviceChangedView): string {
  if (changed.length === 0) return `nothing changed: ${cell(id)} is as it was`;
  const words = changed.map(({ field, from, to }) => `${field} ${plain(from)} -> ${plain(to)}`);
  const note = source === null ? '' : `; source ${plain(source)} overwrites the fields it has when it is next read`;
  return `${cell(id)}: ${words.join(', ')}${note}`;
}
