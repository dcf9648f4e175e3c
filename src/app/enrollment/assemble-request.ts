// A request that comes in parts is put together in the ledger, so that neither a sleep of the device nor a restart of the gateway
// loses what has arrived.
import type { Refusal } from '../../domain/errors.ts';
import { holdsCertificate, isOpen } from '../../domain/renewal.ts';
import { addPart, isWhole, type UploadPart } from '../../domain/upload.ts';
import { change } from '../change.ts';
import type { App } from '../context.ts';
import type { Sender } from './receive.ts';

export type Assembled =
  | { readonly kind: 'whole'; readonly der: Uint8Array }
  | { readonly kind: 'more' }
  /** The request was whole before and is forgotten: this part came twice. */
  | { readonly kind: 'again' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Keeps one part of a request. What has come together stays until {@link forgetUpload}. */
export function assembleRequest(app: App, sender: Sender, renewalId: string, part: UploadPart): Promise<Assembled> {
  const no = (refusal: Refusal): Assembled => ({ kind: 'refused', refusal });
  return change(app, async ({ tx }) => {
    const renewal = await tx.renewal(renewalId);
    if (renewal?.principalId !== sender.id) {
      return no({ code: 'unknown_renewal', detail: 'no renewal of yours has this id' });
    }
    if (!isOpen(renewal)) return no({ code: 'renewal_closed', detail: 'this renewal has ended' });
    if (renewal.mode !== 'csr') return no({ code: 'unsupported_mode', detail: `its key mode is ${renewal.mode}` });
    const known = await tx.upload(renewalId);
    const added = addPart(known, part, app.settings.csrBytesMax);
    if (added.kind === 'refused') {
      const isOver = renewal.state === 'requested' || holdsCertificate(renewal);
      return known === null && isOver && added.code === 'part_missing' ? { kind: 'again' } : no(added);
    }
    const { upload } = added;
    if (upload !== known) await tx.putUpload(renewalId, upload.total, upload.bytes);
    return isWhole(upload) ? { kind: 'whole', der: upload.bytes } : { kind: 'more' };
  });
}

/** The request was judged: whether it was taken or refused, the next begins at 0. */
export function forgetUpload(app: App, renewalId: string): Promise<void> {
  return app.store.transact((tx) => tx.dropUpload(renewalId));
}
