// What a caller of the HTTP API is told when something is wrong: problem details (RFC 9457) with a code of a closed table. What went wrong
// inside stays in the log, under an incident that both sides can name.
import { type OperationCode, operationCodes } from '../../domain/operation-codes.ts';

/** What a request fails with before or beside an operation, with the status. docs/api.md lists the same, and a test holds the two together. */
export const apiCodes = {
  bad_request: [400, 'the request cannot be read'],
  unauthorized: [401, 'no token, certificate or session that is good came with the request'],
  no_such_resource: [404, 'there is nothing at this path'],
  no_such_method: [405, 'the path does not take this method'],
  too_large: [413, 'the body is larger than this resource takes'],
  wrong_type: [415, 'the body is of another type than this resource takes'],
  misdirected: [421, 'the Host header names none of the names of this gateway'],
  too_many_requests: [429, 'more requests than are allowed; ask again after Retry-After'],
  internal: [500, 'something broke in the gateway; the log has it under the incident that is named'],
  unavailable: [503, 'there is no room for this now; ask again after Retry-After'],
} as const;
export type ApiCode = keyof typeof apiCodes;

const statusOfOperation: Readonly<Record<OperationCode, number>> = {
  invalid: 422,
  not_found: 404,
  forbidden: 403,
  conflict: 409,
  stale: 412,
};

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ApiCode | OperationCode;
  /** What is wrong, a sentence each. */
  readonly faults: readonly string[];
  readonly detail?: string;
  readonly incident?: string;
}

export const problemType = 'application/problem+json';

/** Every code with its status and what it means, for pages. */
export const problemTable: readonly { readonly code: string; readonly status: number; readonly meaning: string }[] = [
  ...Object.entries(operationCodes).map(([code, meaning]) => ({
    code,
    status: statusOfOperation[code as OperationCode],
    meaning,
  })),
  ...Object.entries(apiCodes).map(([code, [status, meaning]]) => ({ code, status, meaning })),
];

export function problemOf(code: ApiCode | OperationCode, faults: readonly string[] = [], incident?: string): Problem {
  const row = problemTable.find((each) => each.code === code);
  const title = row?.meaning ?? code;
  return {
    type: `urn:nolapse:problem:${code}`,
    title: `${title.charAt(0).toUpperCase()}${title.slice(1)}.`,
    status: row?.status ?? 500,
    code,
    faults,
    ...(faults.length > 0 && { detail: faults.join('; ') }),
    ...(incident !== undefined && { incident }),
  };
}

/** A request that is refused, for the error handler to answer. */
export class Refused extends Error {
  readonly code: ApiCode;
  readonly faults: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  constructor(code: ApiCode, faults: readonly string[] = [], headers: Readonly<Record<string, string>> = {}) {
    super(faults.join('; ') || code);
    this.name = 'Refused';
    this.code = code;
    this.faults = faults;
    this.headers = headers;
  }
}
