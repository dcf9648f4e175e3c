// A request that comes in parts is put together in the ledger, so that neither a sleep of the device nor a restart of the gateway
// loses what has arrived.
import type { Refusal } from '../../domain/errors.ts';
import { holdsCertificate, isOpen } from '../../domain/renewal.ts';
import { addPart, isWhole, type Upload, type UploadPart } from '../../domain/upload.ts';
import type { Reader, Transaction } from '../../ports/store.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import type { Way } from '../renewal/manner.ts';
import type { Sender } from './receive.ts';

export type Assembled =
  | { readonly kind: 'whole'; readonly der: Uint8Array }
  | { readonly kind: 'more' }
  /** The request was whole before and is forgotten: this part came twice. */
  | { readonly kind: 'again' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Keeps one part of a request. What has come together stays until {@link forgetUpload}. */
export function assembleRequest(
  app: Changing & Pick<Context, 'settings'>,
  sender: Sender,
  renewalId: string,
  part: UploadPart,
): Promise<Assembled> {
  const no = (refusal: Refusal): Assembled => ({ kind: 'refused', refusal });
  return change(app, async ({ tx }) => {
    const renewal = await tx.renewal(renewalId);
    if (renewal?.principalId !== sender.id) {
      return no({ code: 'unknown_renewal', detail: 'no renewal of yours has this id' });
    }
    if (!isOpen(renewal)) return no({ code: 'renewal_closed', detail: 'this renewal has ended' });
    if (renewal.mode !== 'csr') return no({ code: 'unsupported_mode', detail: `its key mode is ${renewal.mode}` });
    const uploads = await uploadsOf(tx, renewalId, sender.via);
    const added = addToFirst(uploads, part, app.settings.csrBytesMax);
    if (added.kind === 'refused') {
      const isOver = renewal.state === 'requested' || holdsCertificate(renewal);
      const isKnown = uploads.some((each) => each !== null);
      return !isKnown && isOver && added.code === 'part_missing' ? { kind: 'again' } : no(added);
    }
    const { upload } = added;
    if (upload !== uploads[0]) await putUpload(tx, renewalId, sender.via, upload);
    return isWhole(upload) ? { kind: 'whole', der: upload.bytes } : { kind: 'more' };
  });
}

/** What has arrived on this way, and on the others: a device that goes over to another goes on there where it was. */
async function uploadsOf(tx: Reader, renewalId: string, path: Way): Promise<[Upload | null, ...(Upload | null)[]]> {
  const own = await tx.upload(renewalId);
  const carried = await tx.carriedUploads(renewalId);
  if (path === null) return [own, ...carried];
  const here = carried.find(({ gatewayId }) => gatewayId === path) ?? null;
  return [here, own, ...carried.filter((each) => each !== here)];
}

/**
 * Puts a part onto what arrived on the same way, else onto what arrived on another; what is there of another is only read. The refusal
 * is the first one's.
 */
function addToFirst(uploads: readonly [Upload | null, ...(Upload | null)[]], part: UploadPart, bytesMax: number) {
  const first = addPart(uploads[0], part, bytesMax);
  // Where a part begins a request it begins it on this way.
  if (first.kind === 'added' || part.offset === 0) return first;
  for (const upload of uploads.slice(1)) {
    const added = upload && addPart(upload, part, bytesMax);
    if (added?.kind === 'added') return added;
  }
  return first;
}

function putUpload(tx: Transaction, renewalId: string, path: Way, { total, bytes }: Upload): Promise<void> {
  if (path === null) return tx.putUpload(renewalId, total, bytes);
  return tx.putCarriedUpload(renewalId, { gatewayId: path, total, bytes });
}

/** The request was judged. Taken, all that came together is forgotten; refused, what came on this way. The next begins at 0. */
export function forgetUpload(
  app: Pick<Context, 'store'>,
  { via }: Sender,
  renewalId: string,
  taken: boolean,
): Promise<void> {
  return app.store.transact((tx) => {
    if (taken) return tx.dropUploads(renewalId);
    return via === null ? tx.dropUpload(renewalId) : tx.dropCarriedUpload(renewalId, via);
  });
}
