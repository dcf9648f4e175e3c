// What is under way between a device and its renewal: a request that comes in parts, and a key that was made for it.
import type { PrincipalId } from '../../../domain/principal.ts';
import type { CarriedUpload } from '../../../ports/carried.ts';
import type { Parameter, Queries } from '../query.ts';
import { bytesOf } from '../query.ts';
import { build } from './schema.ts';

export function deliveries(queries: Queries) {
  const upload = queries.prepare((p: Parameter<{ renewalId: string }>) =>
    build.selectFrom('upload').select(['total', 'bytes']).where('renewal_id', '=', p('renewalId')),
  );
  const putUpload = queries.prepare((p: Parameter<{ renewalId: string; total: number; bytes: Uint8Array }>) => {
    const facts = { total: p('total'), bytes: p('bytes') };
    return build
      .insertInto('upload')
      .values({ renewal_id: p('renewalId'), ...facts })
      .onConflict((conflict) => conflict.column('renewal_id').doUpdateSet(facts));
  });
  const dropUpload = queries.prepare((p: Parameter<{ renewalId: string }>) =>
    build.deleteFrom('upload').where('renewal_id', '=', p('renewalId')),
  );
  const envelope = queries.prepare((p: Parameter<{ renewalId: string }>) =>
    build.selectFrom('envelope').select('der').where('renewal_id', '=', p('renewalId')),
  );
  const putEnvelope = queries.prepare((p: Parameter<{ renewalId: string; der: Uint8Array }>) => {
    const facts = { der: p('der') };
    return build
      .insertInto('envelope')
      .values({ renewal_id: p('renewalId'), ...facts })
      .onConflict((conflict) => conflict.column('renewal_id').doUpdateSet(facts));
  });
  const dropEnvelope = queries.prepare((p: Parameter<{ renewalId: string }>) =>
    build.deleteFrom('envelope').where('renewal_id', '=', p('renewalId')),
  );
  return {
    upload: (renewalId: string): { total: number; bytes: Uint8Array } | null => {
      const row = upload.get({ renewalId });
      return row ? { total: row.total, bytes: bytesOf(row.bytes) } : null;
    },
    putUpload: (renewalId: string, total: number, bytes: Uint8Array): void =>
      void putUpload.run({ renewalId, total, bytes }),
    dropUpload: (renewalId: string): void => void dropUpload.run({ renewalId }),
    envelope: (renewalId: string): Uint8Array | null => {
      const row = envelope.get({ renewalId });
      return row ? bytesOf(row.der) : null;
    },
    putEnvelope: (renewalId: string, der: Uint8Array): void => void putEnvelope.run({ renewalId, der }),
    dropEnvelope: (renewalId: string): void => void dropEnvelope.run({ renewalId }),
  };
}

/** The beginnings of requests that come in parts through gateways. */
export function carriedDeliveries(queries: Queries) {
  const carriedUploads = queries.prepare((p: Parameter<{ renewalId: string }>) =>
    build
      .selectFrom('carried_upload')
      .select(['gateway_id as gatewayId', 'total', 'bytes'])
      .where('renewal_id', '=', p('renewalId'))
      .orderBy('gateway_id'),
  );
  const putCarriedUpload = queries.prepare((p: Parameter<CarriedUpload & { readonly renewalId: string }>) => {
    const facts = { total: p('total'), bytes: p('bytes') };
    return build
      .insertInto('carried_upload')
      .values({ renewal_id: p('renewalId'), gateway_id: p('gatewayId'), ...facts })
      .onConflict((conflict) => conflict.columns(['renewal_id', 'gateway_id']).doUpdateSet(facts));
  });
  const dropCarriedUpload = queries.prepare((p: Parameter<{ renewalId: string; gateway: PrincipalId }>) =>
    build.deleteFrom('carried_upload').where('renewal_id', '=', p('renewalId')).where('gateway_id', '=', p('gateway')),
  );
  const dropCarriedUploads = queries.prepare((p: Parameter<{ renewalId: string }>) =>
    build.deleteFrom('carried_upload').where('renewal_id', '=', p('renewalId')),
  );
  return {
    carriedUploads: (renewalId: string): CarriedUpload[] =>
      carriedUploads.all({ renewalId }).map((row) => ({ ...row, bytes: bytesOf(row.bytes) })),
    putCarriedUpload: (renewalId: string, upload: CarriedUpload): void =>
      void putCarriedUpload.run({ renewalId, ...upload }),
    dropCarriedUpload: (renewalId: string, gateway: PrincipalId): void =>
      void dropCarriedUpload.run({ renewalId, gateway }),
    dropCarriedUploads: (renewalId: string): void => void dropCarriedUploads.run({ renewalId }),
  };
}
