// Issuing CAs at the command line: how one is named.
import { Option } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import { parseWhole } from './arguments.ts';

export interface BelowOption {
  readonly root?: number;
}

/** Which issuing CA a step is about. */
export function rootOption(): Option {
  const help = 'the issuing CA below the root with this number; else below the present one (issuing only)';
  return new Option('--root <number>', help).argParser(parseWhole);
}

/** As operations take it. */
export function belowOf(root: number | undefined): BelowOption {
  return root === undefined ? {} : { root };
}

export function requireNoRoot({ root }: BelowOption): void {
  if (root !== undefined) throw new OperationError('invalid', ['--root goes with an issuing CA']);
}
