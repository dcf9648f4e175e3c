// Says on standard error that a name which was given is one that nobody has: it may be misspelt. Whether it is refused for that is for
// the operations to decide.
import { OperationError } from '../app/operation-error.ts';
import type { Operations } from '../app/operator/operate.ts';
import { remark } from './output.ts';

/** Names by which a list is narrowed down. */
interface Names {
  readonly site?: string | undefined;
  readonly owner?: string | undefined;
  readonly source?: string | undefined;
  readonly device?: string | undefined;
  readonly gateway?: string | undefined;
}

/** Of a list that is empty: which of its filters nobody fits. */
export async function remarkStrangers(operations: Operations, names: Names): Promise<void> {
  const { site, owner, source } = names;
  if (site !== undefined && (await isEmpty(operations, { site }))) {
    remark(`no device in the inventory is at the site "${site}"`);
  }
  if (owner !== undefined && (await isEmpty(operations, { owner }))) {
    remark(`no device in the inventory has the owner "${owner}"`);
  }
  if (source !== undefined && !(await operations.listSources()).some(({ name }) => name === source)) {
    remark(`no source "${source}" is configured`);
  }
  for (const id of [names.device, names.gateway]) {
    if (id !== undefined && !(await isKnown(operations, id))) remark(`${id} is not in the inventory`);
  }
}

/** Of a record that was entered or changed: which of its texts it is the first to have. */
export async function remarkFirst(
  operations: Operations,
  { id, site, owner }: { readonly id: string; readonly site?: string; readonly owner?: string },
): Promise<void> {
  if (site && (await isEmpty(operations, { site }, id))) {
    remark(`no other device in the inventory is at the site "${site}"`);
  }
  if (owner && (await isEmpty(operations, { owner }, id))) {
    remark(`no other device in the inventory has the owner "${owner}"`);
  }
}

async function isEmpty(
  operations: Operations,
  query: { readonly site?: string; readonly owner?: string },
  beside?: string,
): Promise<boolean> {
  return (await operations.listDevices({ ...query, limit: 2 })).every(({ id }) => id === beside);
}

async function isKnown(operations: Operations, id: string): Promise<boolean> {
  try {
    await operations.showDevice({ id });
    return true;
  } catch (error) {
    if (error instanceof OperationError && error.code === 'not_found') return false;
    throw error;
  }
}
