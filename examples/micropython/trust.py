# What is said with the broker about a root's step, once a renewal has nothing more to say: hears the announcement, fetches the step, has it
# checked and kept, and acknowledges it. A step is held in memory until then: after a cut it is fetched again.
import time

import cbor
import mqtt
import step as steps

_STORED, _FAILED = 2, 1


def _sequence(renewal):
    return int(renewal[1:]) if renewal[:1] == "t" and renewal[1:].isdigit() else 0


class Trust:
    """`hear` gives (renewal, port) where a port is to be tried, else None. Raises OSError when the link breaks or an answer does not come."""

    def __init__(self, link, roots, options):
        self.link, self.roots = link, roots
        self.answer_ms, self.linger_ms = options["answer"] * 1000, options["linger"]
        self.stretch, self.begun = options["stretch"], False

    def _say(self, word, fields):
        """Says it, and waits for its PUBACK."""
        number = self.link.publish(word, cbor.write(fields))
        end = time.ticks_add(time.ticks_ms(), self.answer_ms)
        self.heard = []
        while True:
            kind, body = self._receive(end) or (None, None)
            if kind is None:
                raise OSError("no acknowledgement in time")
            if kind == mqtt.PUBACK and body[0] << 8 | body[1] == number:
                return
            if kind == mqtt.PUBLISH:
                self.heard.append(body)  # the answer may come before

    def _receive(self, end):
        """A packet; of a PUBLISH, (word, message), acknowledged: None for a message that is not of this protocol."""
        left = time.ticks_diff(end, time.ticks_ms())
        packet = self.link.receive(max(left, 0))
        if packet is None or packet[0] != mqtt.PUBLISH:
            return packet
        word, payload, number = packet[1]
        try:
            message = cbor.read(payload)
        except ValueError:
            message = {}
        self.link.acknowledge(number)
        return mqtt.PUBLISH, (word, message)

    def _await(self, words, ms):
        """The next message under one of the words, or None."""
        end = time.ticks_add(time.ticks_ms(), ms)
        while True:
            packet = (mqtt.PUBLISH, self.heard.pop(0)) if self.heard else self._receive(end)
            if packet is None:
                return None, None
            if packet[0] == mqtt.PUBLISH and packet[1][0] in words:
                return packet[1]

    def _acknowledge(self, renewal, code):
        if code:
            print("step %s: %s" % (renewal, code))
        fields = {cbor.RENEWAL: renewal, cbor.STATUS: _FAILED if code else _STORED}
        if code:
            fields[cbor.CODE] = code
        self._say("ack", fields)

    def _fetch(self, renewal, size):
        """The step's bytes; None where the broker does not have it any more."""
        raw = b""
        while len(raw) < size:
            length = min(self.stretch or size, size - len(raw))
            end = len(raw) + length
            self._say("get", {cbor.RENEWAL: renewal, cbor.OFFSET: len(raw), cbor.LENGTH: length})
            while len(raw) < end:
                word, part = self._await(("part", "error"), self.answer_ms)
                if word is None:
                    raise OSError("no part in time")
                if part.get(cbor.RENEWAL) != renewal:
                    continue
                if word == "error":
                    return None
                data = part.get(cbor.BYTES, b"")
                if part.get(cbor.OFFSET) == len(raw) and data and len(raw) + len(data) <= size:
                    raw += data
        return raw

    def _checked(self, raw, sequence, port_number):
        """Keeps what the step says. Gives the code of the refusal, or None, and SHA-256 of the root that it names as successor, or None."""
        try:
            step = steps.Step(raw)
        except steps.Malformed:
            return "malformed_step", None
        if step.sequence != sequence:
            return "malformed_step", None
        return self.roots.take(step, port_number), step.named if step.kind == steps.SUCCESSOR else None

    def hear(self, announced, failed):
        """`announced`: what was heard by now, or None. `failed`: the step whose port could not be used, and why, or None."""
        self.heard, self.begun = [], bool(announced or failed)
        if failed:
            self._acknowledge(*failed)
        if not announced:
            _, announced = self._await(("trust",), self.linger_ms)
        while announced:
            self.begun = True
            renewal, size, port_number = [announced.get(key) for key in (cbor.RENEWAL, cbor.SIZE, cbor.PORT)]
            sequence = _sequence(renewal or "")
            if not sequence or not size or not port_number or not 0 < port_number < 65536:
                return None
            if not self.roots.is_taken(sequence):
                raw = self._fetch(renewal, size) if size <= steps.STEP_MAX else b""
                if raw is None:
                    return None
                code, brought = self._checked(raw, sequence, port_number)
                self._acknowledge(renewal, code)
                if code:
                    return None
                print("step %s is kept" % renewal)
            else:
                self._acknowledge(renewal, None)
                brought = self.roots.brought(sequence)
            if brought and self.roots.state["committed"] != [port_number, brought]:
                return renewal, port_number
            _, announced = self._await(("trust",), self.linger_ms)
        return None
