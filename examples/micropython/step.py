# What a root says: reads the bytes of a step, and the certificate of a root. It checks digests and signatures; whether a step is taken is
# decided in roots.py. Roots have P-256 keys here and sign with SHA-256.
import hashlib

import der
import p256

SUCCESSOR, DROP, WITHDRAW = 1, 2, 3
STEP_MAX = 1024
SEQUENCE_MAX = 999999999999999
_WORDS = {SUCCESSOR: "successor", DROP: "drop", WITHDRAW: "withdraw"}
_HEAD = 76
_P256_KEY = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
_ECDSA_SHA256 = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
_BASIC_CONSTRAINTS, _KEY_USAGE = b"\x06\x03\x55\x1d\x13", b"\x06\x03\x55\x1d\x0f"
_EXTENSIONS = 0xA3


class Malformed(Exception):
    """The bytes are no step, or the root in it is none or not the one it names."""


def fingerprint(root):
    return hashlib.sha256(root).digest().hex()


def _tbs(root):
    """The fields of tbsCertificate from the serial number on (RFC 5280, 4.1): serial, algorithm, issuer, validity, subject, key, and more."""
    fields = der.inside(root, der.element(root, 0)[0])
    return fields[1:] if fields[0][0] == 0xA0 else fields


def not_before(certificate):
    """notBefore as text that sorts; empty when it cannot be read."""
    try:
        tag, _, start, end = der.inside(certificate, _tbs(certificate)[3][1])[0]
        text = str(bytes(certificate[start:end]), "ascii")
        return text if tag == 0x18 else ("19" if text[0] >= "5" else "20") + text
    except (IndexError, ValueError):
        return ""


def _key(root):
    """The point of its key, 65 bytes. ValueError for a key of another type."""
    _, begin, _, end = _tbs(root)[5]
    if root[begin : begin + len(_P256_KEY)] != _P256_KEY:
        raise ValueError("not a P-256 key")
    return root[begin + len(_P256_KEY) : end]


def _is_signed(root, signature, message):
    """Is this, an ECDSA signature in DER, by the key of the root?"""
    try:
        numbers = der.inside(signature)
        if len(numbers) != 2 or numbers[1][3] != len(signature):
            return False
        r, s = [int.from_bytes(signature[start:end], "big") for _, _, start, end in numbers]
        return p256.verifies(_key(root), r, s, message)
    except (IndexError, ValueError):
        return False


def _extension(root, fields, oid):
    """The contents of an extension; None where there is none."""
    lists = [begin for tag, begin, _, _ in fields if tag == _EXTENSIONS]
    for _, begin, _, end in der.inside(root, der.element(root, lists[0])[0]) if lists else []:
        found = der.inside(root, begin)
        if root[found[0][1] : found[0][3]] == oid:
            return root[found[-1][2] : end]
    return None


def is_root(root):
    """Is it a self-signed certificate of a CA below which another CA may follow?"""
    try:
        whole, fields = der.inside(root), _tbs(root)
        if der.element(root, 0)[1] != len(root):
            return False
        issuer, subject = fields[2], fields[4]
        if root[issuer[1] : issuer[3]] != root[subject[1] : subject[3]]:
            return False
        basic = _extension(root, fields, _BASIC_CONSTRAINTS) or b"\x30\x00"
        values = [basic[start:end] for _, _, start, end in der.inside(basic)]
        if not values or basic[2] != 1 or values[1:] == [b"\x00"]:  # no CA, or a path length of 0
            return False
        usage = _extension(root, fields, _KEY_USAGE)
        if usage is not None and not usage[3] & 4:  # keyCertSign
            return False
        if root[whole[1][2] : whole[1][2] + len(_ECDSA_SHA256)] != _ECDSA_SHA256:
            return False
        signature = root[whole[2][2] + 1 : whole[2][3]]
        return _is_signed(root, signature, root[whole[0][1] : whole[0][3]])
    except (IndexError, ValueError):
        return False


class Step:
    """A step, read from its bytes. Raises Malformed. Its signature is not verified."""

    def __init__(self, raw):
        if len(raw) <= _HEAD or len(raw) > STEP_MAX or raw[0] != 1 or raw[1] not in _WORDS:
            raise Malformed()
        size = raw[74] << 8 | raw[75]
        self.kind, self.sequence = raw[1], int.from_bytes(raw[2:10], "big")
        self.signer, self.named = raw[10:42].hex(), raw[42:74].hex()
        self.root, self.signature = raw[_HEAD : _HEAD + size], raw[_HEAD + size :]
        if not self.signature or not 1 <= self.sequence <= SEQUENCE_MAX:
            raise Malformed()
        if self.kind != SUCCESSOR:
            if size or self.named != self.signer:
                raise Malformed()
        elif self.named == self.signer or fingerprint(self.root) != self.named or not is_root(self.root):
            raise Malformed()

    def is_signed_by(self, root):
        """`root`: DER of the root that it names as its signer."""
        said = (_WORDS[self.kind], self.sequence, self.signer, self.named)
        return _is_signed(root, self.signature, ("nolapse trust 1\n%s\n%d\n%s\n%s\n" % said).encode())
