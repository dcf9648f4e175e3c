// A request that comes in parts is put together in the ledger, so that neither a sleep of the device nor a restart of the broker
// loses what has arrived.
import { holdsCertificate, isOpen } from '../../domain/renewal.ts';
import { addPart, isWhole, type Upload, type UploadPart } from '../../domain/upload.ts';
import type { Reader } from '../../ports/store.ts';
import type { Way } from '../renewal/delivery-profile.ts';
import { type Conversation, renewalClosed, unknownRenewal } from './conversation.ts';
import { answered, nothing, type Outcome, refused, refuseWith } from './outcome.ts';

/** Adds one part to what has arrived. What has come together stays until it was judged. */
export async function assembleRequest(
  { app, tx, sender, renewal, principal }: Conversation,
  part: UploadPart,
): Promise<Outcome> {
  if (!renewal || !principal) return refuseWith(unknownRenewal);
  if (!isOpen(renewal)) return refuseWith(renewalClosed);
  if (renewal.mode !== 'csr') return refused('unsupported_mode', `its key mode is ${renewal.mode}`);
  const uploads = await uploadsOf(tx, renewal.id, sender.via);
  const added = addToFirst(uploads, part, app.settings.csrBytesMax);
  if (added.kind === 'refused') {
    const isOver = renewal.state === 'requested' || holdsCertificate(renewal);
    const isKnown = uploads.some((each) => each !== null);
    // The request was whole before and is forgotten: this part came twice.
    if (!isKnown && isOver && added.code === 'part_missing') return answered({ kind: 'replacement', renewal });
    return refuseWith(added);
  }
  const { upload } = added;
  const reply = isWhole(upload) ? ({ kind: 'whole', der: upload.bytes } as const) : nothing;
  return upload === uploads[0] ? answered(reply) : answered(reply, { kind: 'upload', renewal, upload });
}

/** What has arrived on this way, and on the others: a device that goes over to another goes on there where it was. */
async function uploadsOf(read: Reader, renewalId: string, path: Way): Promise<[Upload | null, ...(Upload | null)[]]> {
  const own = await read.upload(renewalId);
  const carried = await read.carriedUploads(renewalId);
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
