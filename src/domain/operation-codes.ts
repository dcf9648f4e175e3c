// The codes with which an operation fails, and those with which what carries it is refused. Faces translate them, and add none.

/** What an operation itself fails with. docs/operations.md lists all codes, and a test holds the two together. */
export const operationCodes = {
  invalid: 'the input has faults, or nobody says who does this; each fault is named',
  not_found: 'what is asked for is not there',
  forbidden: 'whoever asks may not do this, or not to this device',
  conflict: 'it does not fit what is so now: it is under way, over, or refused unless somebody insists',
  stale: 'it is not the version any more that the request names',
} as const;
export type OperationCode = keyof typeof operationCodes;

/** What a request fails with before or beside an operation. */
export const requestCodes = {
  bad_request: 'the request cannot be read: its body is not JSON, or is too large',
  no_such_resource: 'there is no operation of this name',
  internal: 'something broke in the broker; the log has it under the incident that is named',
} as const;
export type RequestCode = keyof typeof requestCodes;

export function isOperationCode(code: unknown): code is OperationCode {
  return typeof code === 'string' && Object.hasOwn(operationCodes, code);
}
