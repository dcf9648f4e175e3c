// Standard output and standard error as the log takes them: opened so that a write never waits in the kernel, as far as the system has
// a way to.
import { constants, fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { BoundedOutput, type OutputOptions } from './bounded-output.ts';

/** @param number 1 is standard output, 2 standard error. */
export function openStandard(number: 1 | 2, options: Omit<OutputOptions, 'descriptor' | 'isTerminal'> = {}) {
  const isTerminal = isatty(number);
  return new BoundedOutput({ ...options, isTerminal, descriptor: isTerminal ? reopened(number) : unblocked(number) });
}

/**
 * A terminal that is stopped (Ctrl-S) takes nothing. Opened anew, because how it is opened is shared with the shell; where it cannot be,
 * one thread of the pool may wait for it.
 */
function reopened(number: 1 | 2): number {
  try {
    return openSync(
      `/proc/self/fd/${number}`,
      constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
  } catch {
    return number;
  }
}

/** Node sets pipes and sockets to O_NONBLOCK with the first use of their stream. A file has no such mode. */
function unblocked(number: 1 | 2): number {
  const found = fstatSync(number);
  if (found.isFIFO() || found.isSocket()) void (number === 1 ? process.stdout : process.stderr);
  return number;
}
