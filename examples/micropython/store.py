# Two slots with a certificate each, and the record of where the renewal stands.
import binascii
import hashlib
import json

import port
import step

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


class Record:
    """Values kept in two copies, each with a number and a CRC: they are written in turn, and the newer valid one counts."""

    def __init__(self, name):
        self.name = name
        copies = [copy for copy in (_copy(name + "0"), _copy(name + "1")) if copy]
        self.kept = max(copies, key=lambda copy: copy["sequence"]) if copies else None

    def write(self, values):
        values["sequence"] += 1
        raw = json.dumps(values).encode()
        port.write(self.name + "%d" % (values["sequence"] & 1), 0, binascii.crc32(raw).to_bytes(4, "big") + raw)


class Store:
    def __init__(self):
        self.key, self.record = port.read("key.der"), Record("state")
        self.state = self.record.kept or {"sequence": 0, "active": self.newest()}
        if not self.record.kept:
            print("no state record: slot %d first" % self.state["active"])
            self.reset()

    def newest(self):
        times = [step.not_before(leaf(slot)) if self.usable(slot) else "" for slot in (0, 1)]
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
        self.record.write(self.state)

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
