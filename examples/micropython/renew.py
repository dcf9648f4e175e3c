# Renews a device's certificate in key mode `recertify`, on MicroPython.
# usage: renew.py HOST PORT ID FOLDER [--wait S] [--stretch BYTES] [--announce BYTES] [--die-after STEPS]
#
# FOLDER holds key.der, ca.der and slot0.der. What is decided is written down before it is acted on, so that the program may be
# cut off anywhere. Exit codes: 0 renewed, 1 refused, 2 usage, 3 nothing was owed, 4 too large a packet came, 75 try again.
import hashlib
import json
import os
import sys
import time

import cbor
import mqtt

REPLACEMENT_MAX = 1024
REFUSALS_MAX = 3
options = {"wait": 30, "stretch": 0, "announce": mqtt.PACKET_MAX, "die-after": 0}
steps = 0


def step(kind, what):
    global steps
    steps += 1
    if steps == options["die-after"]:
        print("cut off after step %d: %s %s" % (steps, kind, what))
        sys.exit(99)


class Store:
    """Two slots and a record of where the renewal stands, as files."""

    def __init__(self, folder):
        self.folder = folder
        self.key, self.ca = self.read("key.der"), self.read("ca.der")
        self.state = self.idle(0)
        try:
            self.state = json.loads(self.read("state.json"))
        except OSError:
            pass  # the first boot

    def idle(self, active):
        return {"active": active, "phase": "idle"}

    def read(self, name):
        with open(self.folder + "/" + name, "rb") as file:
            return file.read(REPLACEMENT_MAX + 1)

    def slot(self, which):
        return self.read("slot%d.der" % which)

    def save(self, **changes):
        self.state.update(changes)
        with open(self.folder + "/state.new", "w") as file:
            json.dump(self.state, file)
        os.rename(self.folder + "/state.new", self.folder + "/state.json")
        step("wrote", "state")

    def forget(self):
        self.state = self.idle(self.state["active"])
        self.save()

    def put(self, offset, data):
        # Appending would be wrong after a cut between the slot and the state: the offset says where.
        name = "%s/slot%d.der" % (self.folder, 1 - self.state["active"])
        with open(name, "r+b" if offset > 0 else "wb") as file:
            file.seek(offset)
            file.write(data)
        step("wrote", "slot")


class Talk:
    """One conversation. `run` gives an exit code, or None when another connection is to be made."""

    def __init__(self, link, store):
        self.link, self.store, self.ack, self.asked = link, store, None, 0

    def say(self, word, fields):
        return self.link.publish(word, cbor.write(fields))

    def hello(self):
        return self.say("hello", {cbor.MAX_PACKET: options["announce"], cbor.SLOTS: 2})

    def report(self, failure=None):
        fields = {cbor.RENEWAL: self.store.state["renewal"], cbor.STATUS: 1 if failure else 0}
        if failure:
            print("given up:", failure)
            fields[cbor.CODE] = failure
            self.store.save(phase="refused")
        self.ack = self.say("ack", fields)

    def get(self):
        state = self.store.state
        missing = state["total"] - state["received"]
        length = min(options["stretch"] or missing, missing)
        self.asked = state["received"] + length
        self.say("get", {cbor.RENEWAL: state["renewal"], cbor.OFFSET: state["received"], cbor.LENGTH: length})

    def fetched(self):
        state = self.store.state
        whole = self.store.slot(1 - state["active"])
        replacement = whole[: state["size"]]
        # Where the offer had no room for the digest, it follows the replacement.
        expected = bytes.fromhex(state["sha256"]) if state["sha256"] else whole[state["size"] :]
        if hashlib.sha256(replacement).digest() != expected:
            return self.report("sha256_mismatch")
        if self.store.key[-65:] not in replacement:  # the public point, which ends both forms of an EC key
            return self.report("not_over_our_key")
        print("stored and checked: %d bytes" % len(replacement))
        self.store.save(phase="stored")
        self.report()

    def on_offer(self, offer):
        state, renewal, size = self.store.state, offer.get(cbor.RENEWAL), offer.get(cbor.SIZE)
        recertify = offer.get(cbor.MODE) == 1
        if not renewal or self.ack or (recertify and size is None):
            return
        digest = offer.get(cbor.SHA256, b"").hex()
        if (state.get("renewal"), state.get("size"), state.get("sha256")) != (renewal, size, digest):
            state = self.store.state = self.store.idle(state["active"])
            total = (size or 0) + (0 if digest else 32)
            state.update({"renewal": renewal, "size": size, "sha256": digest, "total": total, "received": 0, "refusals": 0})
            if not recertify or not size or total > REPLACEMENT_MAX:
                return self.report("size" if recertify else "mode")
            self.store.save(phase="fetching")
        if state["phase"] != "fetching" or self.asked > state["received"]:
            return
        print("offer %s: %d bytes, %d of them here" % (renewal, size, state["received"]))
        self.fetched() if state["received"] == state["total"] else self.get()

    def on_part(self, part):
        state, data = self.store.state, part.get(cbor.BYTES, b"")
        if state["phase"] != "fetching" or part.get(cbor.RENEWAL) != state["renewal"]:
            return
        if part.get(cbor.OFFSET) != state["received"]:
            return  # a repetition
        end = state["received"] + len(data)
        if part.get(cbor.TOTAL) != state["total"] or not data or end > state["total"]:
            return self.report("part")
        self.store.put(state["received"], data)
        self.store.save(received=end)
        if end == state["total"]:
            self.fetched()
        elif end >= self.asked:
            self.get()

    def on_message(self, word, message):
        state = self.store.state
        if word == "offer":
            self.on_offer(message)
        elif word == "part":
            self.on_part(message)
        elif word == "done" and state["phase"] == "activated" and message.get(cbor.RENEWAL) == state["renewal"]:
            print("done: the old certificate is admitted until", message.get(cbor.RETIRES))
            self.store.forget()
            return 0
        elif word == "error":
            print("error", message.get(cbor.CODE))
            if cbor.RETRY_AFTER in message:
                return 75
            if state["phase"] == "fetching":
                self.store.forget()
            return None if state["phase"] == "activated" else 1

    def on_payload(self, word, payload):
        try:
            message = cbor.read(payload)
        except ValueError as fault:
            return print("%s is left aside: %s" % (word, fault))
        return self.on_message(word, message)

    def on_silence(self):
        if self.store.state["phase"] != "activated":
            return 3 if self.store.state["phase"] == "idle" else 75
        # `done` came before a cut, or will come another time: the certificate is in use, and that is what counts.
        self.store.forget()
        return 0

    def run(self):
        hello = self.report("refused") if self.store.state["phase"] == "refused" else self.hello()
        heard = time.ticks_ms()
        while True:
            packet = self.link.receive(options["wait"] * 1000 - time.ticks_diff(time.ticks_ms(), heard))
            if packet is None:
                return self.on_silence()
            kind, body = packet
            number = body[0] << 8 | body[1] if kind == mqtt.PUBACK else None
            if number and number == hello:
                # Only now, for what the subscriptions bring must already keep to the packets we announced.
                self.link.subscribe("error", "part", "done", "offer")
            elif number and number == self.ack:
                if self.store.state["phase"] == "stored":
                    return None
                self.store.forget()
                return 1
            elif kind == mqtt.PUBLISH:
                heard = time.ticks_ms()
                word, payload, number = body
                code = self.on_payload(word, payload)
                self.link.acknowledge(number)
                if code is not None:
                    return code


def on_refusal(store, why):
    print("refused:", why)
    if store.state["phase"] != "stored":
        return 1
    refusals = store.state["refusals"] + 1
    store.save(refusals=refusals, phase="refused" if refusals >= REFUSALS_MAX else "stored")
    if refusals < REFUSALS_MAX:
        time.sleep(1 << (refusals - 1))
    return None


def connection(host, port, device, store, counts):
    trial = store.state["phase"] == "stored"
    which = 1 - store.state["active"] if trial else store.state["active"]
    certificate = store.slot(which)
    # A digest may follow the certificate in its slot: DER says itself where it ends.
    certificate = certificate[: 4 + (certificate[2] << 8 | certificate[3])]
    try:
        link = mqtt.Connection(host, port, device, store.key, certificate, store.ca, step)
    except mqtt.Refused as refused:
        return on_refusal(store, refused)
    except mqtt.Unanswered as broken:
        # Whoever finds fault with a certificate may just hang up: on trial, only an answer counts.
        if not trial:
            raise
        return on_refusal(store, broken)
    try:
        if trial:
            print("activated")
            store.save(active=which, phase="activated")
        code = Talk(link, store).run()
        if not code:
            link.disconnect()
        return code
    finally:
        counts.append((link.publishes, link.up, link.down, link.largest))


def main(words):
    host, port, device, folder = words[:4]
    for name, value in zip(words[4::2], words[5::2]):
        options[name[2:]] = int(value)
    store, counts, code = Store(folder), [], None
    try:
        while code is None:
            code = connection(host, int(port), device, store, counts)
    except mqtt.TooLarge as too_large:
        print(too_large)
        code = 4
    except (OSError, ValueError) as broken:
        print("the link was lost:", broken)
        code = 75
    sums = [sum(count[i] for count in counts) for i in range(3)]
    print("steps %d, publishes %d, payload up %d down %d bytes" % tuple([steps] + sums))
    print("largest packet in %d" % max([count[3] for count in counts] or [0]))
    sys.exit(code)


if len(sys.argv) < 5 or len(sys.argv) % 2 == 0:
    print("usage: renew.py HOST PORT ID FOLDER [--wait S] [--stretch BYTES] [--announce BYTES] [--die-after STEPS]")
    sys.exit(2)
main(sys.argv[1:])
