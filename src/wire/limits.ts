// The limits of the enrollment messages, in every encoding.

/** The largest payload that is read at all, in bytes. */
export const payloadBytesMax = 16_384;

/** Arrays and maps within one another; a message of this protocol needs two, unknown fields may have a few more. */
export const nestingMax = 8;

/** Certificates in one `cert` message: the leaf and its chain. */
export const certificatesMax = 8;

/** Characters of `code` and `detail`; what is longer is cut, so that a failure report is never lost to its own length. */
export const codeLengthMax = 64;
export const detailLengthMax = 256;

/** The end of year 9999 in Unix seconds (RFC 5280, 4.1.2.5.2 knows no later time). */
export const secondsMax = 253_402_300_799;
