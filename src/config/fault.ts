// What can be wrong with a configuration. Apart from what reads one: a command that needs none still has to know the error.

export interface ConfigFault {
  /** Dotted path of the key, or the name of the variable; empty when the fault is the file's. */
  readonly path: string;
  readonly line?: number;
  readonly message: string;
}

/** All that is wrong with a configuration. Its message has one line a fault. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[];
  constructor(faults: readonly ConfigFault[], file?: string) {
    super(faults.map((fault) => describeFault(fault, file)).join('\n'));
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** In one line: where, and what. */
export function describeFault({ path, line, message }: ConfigFault, file?: string): string {
  const inFile = line !== undefined || path === '';
  const where = inFile ? [file && line !== undefined ? `${file}:${line}` : file] : [];
  return [...where, path].filter(Boolean).concat(message).join(': ');
}
