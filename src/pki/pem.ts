// PEM (RFC 7468) to DER and back. It knows labels and base64, and not what the bytes inside mean.

const lineLength = 64;

/**
 * The DER of every block in `text`, in order. Text around the blocks is allowed, and white space of any kind within them; a block of
 * any label but `labels`, a broken block or broken base64 is not.
 * @returns null when there is no block, or anything is wrong with one.
 */
export function pemToDer(text: string, ...labels: readonly string[]): Uint8Array[] | null {
  const blocks: Uint8Array[] = [];
  const around = text.replace(
    /-----BEGIN ([A-Z0-9 ]{1,64})-----([A-Za-z0-9+/=\s]*)-----END \1-----/g,
    (_block, label: string, body: string) => {
      const base64 = body.replace(/\s+/g, '');
      const der = Buffer.from(base64, 'base64');
      // Node's decoder skips what it does not understand: only what it would write itself is taken.
      const sound = labels.includes(label) && der.length > 0 && der.toString('base64') === base64;
      if (!sound) return '-----';
      blocks.push(new Uint8Array(der));
      return '';
    },
  );
  return blocks.length > 0 && !around.includes('-----') ? blocks : null;
}

/** One PEM block, with a newline at its end. */
export function derToPem(der: Uint8Array, label: string): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.length).toString('base64');
  const lines = base64.match(new RegExp(`.{1,${lineLength}}`, 'g')) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
