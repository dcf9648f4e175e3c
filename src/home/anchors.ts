// The certificates that may introduce strangers, read from the files the configuration names. One that could introduce nobody
// is a fault of the configuration, named by its key.
import { ConfigError, type ConfigFault } from '../config/fault.ts';
import { NotReadable, readRegularFile } from '../machine/regular-file.ts';
import { DerError } from '../pki/der-reader.ts';
import { pemToDer } from '../pki/pem.ts';
import { readCertificate } from '../pki/x509.ts';

const fileBytesMax = 1_048_576;

function contentOf(file: string): readonly Uint8Array[] | string {
  try {
    const bytes = readRegularFile(file, fileBytesMax);
    if (!bytes.includes('-----BEGIN')) return [new Uint8Array(bytes)];
    return pemToDer(bytes.toString('latin1'), 'CERTIFICATE') ?? 'holds something that is no PEM certificate';
  } catch (error) {
    if (error instanceof NotReadable) return `cannot be read: ${error.message}`;
    return `cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
  }
}

function objectTo(der: Uint8Array): string | null {
  try {
    const { ca, keyCertSign } = readCertificate(der);
    return ca.is && keyCertSign !== false ? null : 'is the certificate of no CA: it can introduce nobody';
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return `holds no certificate, neither PEM nor DER: ${error.message}`;
  }
}

/** Of the first that is at fault; which of several it is comes before it. */
function faultIn(ders: readonly Uint8Array[]): string | null {
  const all = ders.map(objectTo);
  const at = all.findIndex((fault) => fault !== null);
  const fault = all[at] ?? null;
  return fault !== null && ders.length > 1 ? `${fault} (certificate ${at + 1} of ${ders.length} in it)` : fault;
}

/**
 * DER of every certificate in these files, each PEM (one or more) or DER.
 * @throws ConfigError that names each file at fault with its place in `bootstrap.anchors`.
 */
export function readAnchors(files: readonly string[]): Uint8Array[] {
  const faults: ConfigFault[] = [];
  const anchors = files.flatMap((file, index) => {
    const content = contentOf(file);
    const ders = typeof content === 'string' ? [] : content;
    const fault = typeof content === 'string' ? content : faultIn(ders);
    if (fault) faults.push({ path: `bootstrap.anchors.${index}`, message: `${file} ${fault}` });
    return ders;
  });
  if (faults.length > 0) throw new ConfigError(faults);
  return anchors;
}
