# Two slots with a certificate each, and the record of where the renewal stands in two copies: each has a sequence number and a CRC, they are
# written in turn, and the newer valid one counts.
import binascii
import hashlib
import json

import port

REPLACEMENT_MAX = 1024


def _copy(name):
    raw = port.read(name)
    try:
        if not raw or len(raw) < 5 or binascii.crc32(raw[4:]) != int.from_bytes(raw[:4], "big"):
            return None
        return json.loads(raw[4:])
    except ValueError:
        return None


def leaf(slot):
    """The certificate in a slot, or None: a digest may follow it, and DER says itself where it ends."""
    raw = port.read("slot%d.der" % slot) or b""
    if len(raw) < 4 or raw[:2] != b"\x30\x82":
        return None
    end = 4 + (raw[2] << 8 | raw[3])
    return raw[:end] if end <= len(raw) else None


def _element(data, at):
    """Where the contents of the DER element begin and end."""
    size, start = data[at + 1], at + 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[at + 2 : start], "big")
    return start, start + size


def _not_before(certificate):
    """notBefore of the certificate, as text that sorts; empty when it cannot be read."""
    try:
        at = _element(certificate, _element(certificate, 0)[0])[0]  # into tbsCertificate
        if certificate[at] == 0xA0:
            at = _element(certificate, at)[1]  # version
        for _ in range(3):  # serial, algorithm, issuer
            at = _element(certificate, at)[1]
        at = _element(certificate, at)[0]  # into validity
        start, end = _element(certificate, at)
        text = str(certificate[start:end], "ascii")
        return text if certificate[at] == 0x18 else ("19" if text[0] >= "5" else "20") + text
    except (IndexError, ValueError):
        return ""


class Store:
    def __init__(self):
        self.key, self.ca = port.read("key.der"), port.read("ca.der")
        copies = [copy for copy in (_copy("state0"), _copy("state1")) if copy]
        self.state = max(copies, key=lambda copy: copy["sequence"]) if copies else {"sequence": 0, "active": self.newest()}
        if not copies:
            print("no state record: slot %d first" % self.state["active"])
            self.reset()

    def newest(self):
        times = [_not_before(leaf(slot)) if self.usable(slot) else "" for slot in (0, 1)]
        return 1 if times[1] > times[0] else 0

    @property
    def phase(self):
        return self.state["phase"]

    def other(self):
        return 1 - self.state["active"]

    def usable(self, slot):
        certificate = leaf(slot)
        return bool(certificate and self.key and self.key[-65:] in certificate)  # the public point, which ends both forms of an EC key

    def reset(self, **changes):
        """Forgets the renewal, but no slot; nothing is written."""
        self.state = {"sequence": self.state["sequence"], "active": self.state["active"], "phase": "idle"}
        self.state.update(changes)

    def save(self, **changes):
        self.state.update(changes)
        self.state["sequence"] += 1
        raw = json.dumps(self.state).encode()
        port.write("state%d" % (self.state["sequence"] & 1), 0, binascii.crc32(raw).to_bytes(4, "big") + raw)

    def forget(self):
        self.reset()
        self.save()

    def put(self, offset, data):
        port.write("slot%d.der" % self.other(), offset, data)

    def fault(self):
        """What is wrong with the replacement in the other slot, or None."""
        state, whole = self.state, port.read("slot%d.der" % self.other()) or b""
        if len(whole) != state["total"]:
            return "not_stored"
        # Where the offer had no room for the digest, it follows the replacement.
        expected = bytes.fromhex(state["sha256"]) if state["sha256"] else whole[state["size"] :]
        if hashlib.sha256(whole[: state["size"]]).digest() != expected:
            return "sha256_mismatch"
        return None if self.usable(self.other()) else "not_over_our_key"
