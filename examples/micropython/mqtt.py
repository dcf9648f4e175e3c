# As much of MQTT 3.1.1 over mutual TLS as a device needs to renew its certificate. One packet is held at a time in each
# direction, and none is larger than PACKET_MAX.
import select
import socket
import struct
import time
import tls

import port

PACKET_MAX = 256
CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9
_KEEPALIVE_S = 60
_PING_MS = 30000
_SLICE_MS = 1000  # the longest wait without feeding the watchdog
_ALERT = -0x7780  # mbedTLS: the broker sent a fatal alert
_OTHER_VERSION, _OTHER_CLIENT_ID, _UNAVAILABLE = 1, 2, 3  # codes of CONNACK that say nothing about the certificate
_names = {1: "CONNECT", 2: "CONNACK", 3: "PUBLISH", 4: "PUBACK", 8: "SUBSCRIBE", 9: "SUBACK"}
_names.update({12: "PINGREQ", 13: "PINGRESP", 14: "DISCONNECT"})


class Refused(Exception):
    """The broker did not take the certificate. No answer, a reset or a time-out is an OSError instead."""


class Untrusted(Exception):
    """None of the roots verifies the broker, or its name is another."""


class Unusable(Exception):
    """mbedTLS cannot read the certificate, or it is not over the key."""


class TooLarge(Exception):
    """A packet larger than PACKET_MAX was announced; its bytes were not read."""


def _string(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("!H", len(raw)) + raw


class Connection:
    """Connects, or raises Refused, Untrusted, Unusable or OSError. `roots`: DER; `root` is then the one that verified the broker. Every step
    has `answer_s` seconds; `step(kind, what)` is told of every packet."""

    def __init__(self, host, service, device, key, certificate, roots, answer_s, step):
        self.device, self.step = device, step
        self._answer_ms = answer_s * 1000
        self.publishes = self.up = self.down = self.largest = 0
        self._id = 0
        self._in = bytearray(PACKET_MAX)
        port.feed()
        raw = socket.socket()
        raw.settimeout(answer_s)
        try:
            raw.connect(socket.getaddrinfo(host, service)[0][-1])
            self._tls = self._secure(raw, host, key, certificate, roots)
            self._poll = select.poll()
            self._poll.register(self._tls, select.POLLIN)
            self._connect()
        except OSError as broken:
            raw.close()
            if broken.args and broken.args[0] == _ALERT:
                raise Refused("an alert of TLS")
            raise
        except (Refused, Untrusted, Unusable):
            raw.close()
            raise

    def _secure(self, raw, host, key, certificate, roots):
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED
        for root in roots:  # one by one: of several in one buffer only the first is read
            context.load_verify_locations(root)
        self.root, self._depth = roots[0], 0
        if len(roots) > 1:
            context.verify_callback = self._verified
        try:
            context.load_cert_chain(certificate, key)
        except ValueError:
            raise Unusable()
        port.feed()
        try:
            return context.wrap_socket(raw, server_hostname=host)
        except ValueError as fault:
            raise Untrusted(str(fault).strip())

    def _verified(self, certificate, depth):
        """Told of each certificate of the chain that is verified: the one farthest from the broker's own is the root."""
        if depth >= self._depth:
            self.root, self._depth = bytes(certificate), depth
        return 0

    def _connect(self):
        # A clean session: what is owed is asked for.
        self._send(0x10, b"\x00\x04MQTT\x04\x02" + struct.pack("!H", _KEEPALIVE_S) + _string(self.device))
        kind, body = self.receive(self._answer_ms) or (None, b"")
        if kind != CONNACK or len(body) != 2 or body[1] == _UNAVAILABLE:
            raise OSError("no CONNACK, or one that says to come later")
        if body[1] in (_OTHER_VERSION, _OTHER_CLIENT_ID):
            raise ValueError("CONNACK %d" % body[1])
        if body[1] != 0:
            raise Refused("CONNACK %d" % body[1])

    def _send(self, head, body):
        size = len(body)
        packet = bytes((head, size) if size < 128 else (head, size & 127 | 128, size >> 7)) + body
        if len(packet) > PACKET_MAX:
            raise ValueError("a packet of ours does not fit")
        self._tls.write(packet)
        self.step("sent", _names[head >> 4])

    def _topic(self, word):
        return "$enroll/1/%s/%s" % (self.device, word)

    def _next_id(self):
        self._id += 1
        return self._id

    def subscribe(self, *words):
        """Subscribes at QoS 1, in as many packets as they need. Returns the number the last SUBACK will carry."""
        body = b""
        for word in words:
            more = _string(self._topic(word)) + b"\x01"
            if body and 3 + 2 + len(body) + len(more) > PACKET_MAX:
                self._send(0x82, struct.pack("!H", self._next_id()) + body)
                body = b""
            body += more
        self._send(0x82, struct.pack("!H", self._next_id()) + body)
        return self._id

    def publish(self, word, payload):
        """Sends at QoS 1. Returns the number its PUBACK will carry."""
        number = self._next_id()
        self._send(0x32, _string(self._topic(word)) + struct.pack("!H", number) + payload)
        self.publishes += 1
        self.up += len(payload)
        return number

    def _read(self, start, size):
        into = memoryview(self._in)[start : start + size]
        if size > 0 and self._tls.readinto(into) != size:
            raise OSError("the link was lost")
        return into

    def receive(self, wait_ms):
        """One packet: (kind, body), of a PUBLISH (PUBLISH, (word, payload, number)). None when nothing came in time."""
        end, ping_at = time.ticks_add(time.ticks_ms(), wait_ms), time.ticks_add(time.ticks_ms(), _PING_MS)
        while True:
            port.feed()
            left = time.ticks_diff(end, time.ticks_ms())
            if self._poll.poll(max(0, min(left, _SLICE_MS))):
                break
            if left <= 0:
                return None
            if time.ticks_diff(ping_at, time.ticks_ms()) <= 0:
                self._send(0xC0, b"")
                ping_at = time.ticks_add(time.ticks_ms(), _PING_MS)
        self._read(0, 2)
        header, size, shift = 2, self._in[1] & 127, 7
        while self._in[header - 1] & 128:
            if header == 5:
                raise ValueError("not MQTT")
            size |= (self._read(header, 1)[0] & 127) << shift
            header, shift = header + 1, shift + 7
        self.largest = max(self.largest, header + size)
        if header + size > PACKET_MAX:
            raise TooLarge("a packet of %d bytes was sent to us: we take %d" % (header + size, PACKET_MAX))
        kind, body = self._in[0] >> 4, self._read(header, size)
        if kind != PUBLISH:
            self.step("received", _names.get(kind, "packet"))
            return kind, body
        if self._in[0] & 6 != 2 or size < 4 or 4 + (body[0] << 8 | body[1]) > size:
            raise ValueError("not a PUBLISH at QoS 1")
        end = 2 + (body[0] << 8 | body[1])
        word = str(bytes(body[2:end]), "utf-8").split("/")[-1]
        self.down += size - end - 2
        self.step("received", word)
        return kind, (word, body[end + 2 :], body[end] << 8 | body[end + 1])

    def acknowledge(self, number):
        self._send(0x40, struct.pack("!H", number))

    def disconnect(self):
        self._send(0xE0, b"")

    def close(self):
        self._tls.close()
