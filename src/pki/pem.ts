// PEM (RFC 7468) to DER and back. It knows labels and base64, and not what the bytes inside mean.

const lineLength = 64;

export interface PemBlocks {
  /** In order; null: a block of a label that was not asked for, or one whose base64 is broken. */
  readonly ders: readonly (Uint8Array | null)[];
  /** Does a line beside them begin or end a block? Rulers and signatures of five dashes and more do neither. */
  readonly stray: boolean;
}

/** Every block in `text`. Text around the blocks is allowed, and white space of any kind within them. */
export function pemBlocks(text: string, ...labels: readonly string[]): PemBlocks {
  const ders: (Uint8Array | null)[] = [];
  const around = text.replace(
    /-----BEGIN ([A-Z0-9 ]{1,64})-----([A-Za-z0-9+/=\s]*)-----END \1-----/g,
    (_block, label: string, body: string) => {
      const base64 = body.replace(/\s+/g, '');
      const der = Buffer.from(base64, 'base64');
      // Node's decoder skips what it does not understand: only what it would write itself is taken.
      const sound = labels.includes(label) && der.length > 0 && der.toString('base64') === base64;
      ders.push(sound ? new Uint8Array(der) : null);
      return '';
    },
  );
  return { ders, stray: /-----(?:BEGIN|END) /.test(around) };
}

/**
 * The DER of every block in `text`, in order. A block of any label but `labels`, a broken block or broken base64 is not allowed.
 * @returns null when there is no block, or anything is wrong with one.
 */
export function pemToDer(text: string, ...labels: readonly string[]): Uint8Array[] | null {
  const { ders, stray } = pemBlocks(text, ...labels);
  const sound = ders.filter((der) => der !== null);
  return sound.length > 0 && sound.length === ders.length && !stray ? sound : null;
}

/** One PEM block, with a newline at its end. */
export function derToPem(der: Uint8Array, label: string): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.length).toString('base64');
  let text = `-----BEGIN ${label}-----\n`;
  for (let from = 0; from < base64.length; from += lineLength) text += `${base64.slice(from, from + lineLength)}\n`;
  return `${text}-----END ${label}-----\n`;
}
