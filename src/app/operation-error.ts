// The error with which an operation fails, for a reason that whoever asked for it can act on.
import type { OperationCode } from '../domain/operation-codes.ts';

/** An operation that could not be carried out, for a reason the operator can act on. */
export class OperationError extends Error {
  readonly code: OperationCode;
  readonly faults: readonly string[];
  constructor(code: OperationCode, faults: readonly string[]) {
    super(faults.join('; '));
    this.name = 'OperationError';
    this.code = code;
    this.faults = faults;
  }
}
