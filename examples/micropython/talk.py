# One conversation with the broker. Decides what an answer means for the renewal, when to say something again, and when the link counts as
# broken. What it decides is written down before it is acted on; a repeated or late message changes nothing.
import time

import cbor
import mqtt
import port
from store import REPLACEMENT_MAX

RECONNECT = "reconnect"  # the state says with which slot
RENEWED, FAILED, NOTHING_OWED, TOO_LARGE, TRY_AGAIN = 0, 1, 3, 4, 75
_PAUSE_MAX_S = 86400  # whatever we were told: once a day we ask
_AGAIN_MAX = _WAITS_MAX = 3
_PARTS = ("part_out_of_range", "part_mismatch", "part_missing")
_NEXT = ("wrong_state", "unsupported_mode", "unknown_word", "not_authorized")


class Talk:
    """`run` gives an exit code or RECONNECT. Raises OSError when the link breaks or an acknowledgement does not come."""

    def __init__(self, link, store, options, other_refused):
        self.link, self.store, self.options, self.other_refused = link, store, options, other_refused
        self.hello_number = self.ack = self.subscription = self.hello_at = None
        self.asked = self.begun_again = self.waits = 0
        self.answered = self.reported = self.lost = self.subscribed = False
        self.announced = None  # the step of a root, for when all else is done
        self.due = 0

    def say(self, word, fields):
        self.due = self.after(self.options["answer"] * 1000)
        return self.link.publish(word, cbor.write(fields))

    def after(self, ms):
        return time.ticks_add(time.ticks_ms(), ms)

    def hello(self):
        self.hello_at = None
        self.hello_number = self.say("hello", {cbor.MAX_PACKET: self.options["announce"], cbor.SLOTS: 2})

    def acknowledge(self, renewal, failure=None):
        fields = {cbor.RENEWAL: renewal, cbor.STATUS: 1 if failure else 0}
        if failure:
            fields[cbor.CODE] = failure
        self.ack = self.say("ack", fields)

    def give_up(self, renewal, why):
        """Reports that the replacement cannot be used. The broker will offer it again, later and later."""
        print("given up:", why)
        self.store.forget()
        self.acknowledge(renewal, why)

    def get(self):
        state = self.store.state
        missing = state["total"] - state["received"]
        length = min(self.options["stretch"] or missing, missing)
        self.asked = state["received"] + length
        self.say("get", {cbor.RENEWAL: state["renewal"], cbor.OFFSET: state["received"], cbor.LENGTH: length})

    def is_fetching(self):
        return self.store.phase == "fetching" and self.asked > self.store.state["received"]

    def begin_again(self):
        self.begun_again += 1
        if self.begun_again > _AGAIN_MAX:
            return self.give_up(self.store.state["renewal"], "begun_again_too_often")
        self.asked = 0
        self.store.save(received=0)
        self.get()

    def fetched(self):
        state, fault = self.store.state, self.store.fault()
        if fault == "sha256_mismatch" and not self.begun_again:
            return self.begin_again()
        if fault:
            return self.give_up(state["renewal"], fault)
        print("stored and checked: %d bytes" % state["size"])
        self.store.save(phase="stored")
        self.acknowledge(state["renewal"])

    def on_offer(self, offer):
        state, renewal, size = self.store.state, offer.get(cbor.RENEWAL), offer.get(cbor.SIZE)
        recertify = offer.get(cbor.MODE) == 1
        if not renewal or self.ack:
            return
        self.hello_at = None  # what it was to ask for is here
        digest = offer.get(cbor.SHA256, b"").hex()
        known = (state.get("renewal"), state.get("size"), state.get("sha256")) == (renewal, size, digest)
        # With the old credential, because the new one had no answer: nobody refused it, so it is next.
        if state["phase"] == "stored" and known:
            return self.acknowledge(renewal)
        if state["phase"] == "stored" and not self.other_refused:
            return RECONNECT
        if state["phase"] == "refused" and not self.reported or state["phase"] == "activated" and state["renewal"] == renewal:
            return
        if recertify and size is None:
            return  # not issued yet
        total = (size or 0) + (0 if digest else 32)
        if not recertify or not size or total > REPLACEMENT_MAX:
            return self.give_up(renewal, "size" if recertify else "mode")
        if known and self.is_fetching():
            return  # its parts are on their way
        if not known or state["phase"] != "fetching":
            self.asked = 0
            self.store.reset(phase="fetching", renewal=renewal, size=size, sha256=digest, total=total, received=0)
            self.store.save()
        state = self.store.state
        print("offer %s: %d bytes, %d of them here" % (renewal, size, state["received"]))
        self.fetched() if state["received"] == total else self.get()

    def on_part(self, part):
        state, data = self.store.state, part.get(cbor.BYTES, b"")
        if state["phase"] != "fetching" or part.get(cbor.RENEWAL) != state["renewal"]:
            return
        if part.get(cbor.OFFSET) != state["received"]:
            return  # a repetition, or one after a part that was lost
        end = state["received"] + len(data)
        if part.get(cbor.TOTAL) != state["total"] or not data or end > state["total"]:
            self.begun_again += 1
            if self.begun_again > _AGAIN_MAX:
                return self.give_up(state["renewal"], "part")
            self.asked = 0
            return self.hello()  # the replacement is another one by now: its offer says which
        self.store.put(state["received"], data)
        self.store.save(received=end)
        if end == state["total"]:
            self.fetched()
        elif end >= self.asked:
            self.get()

    def go_forward(self):
        """The broker has seen the replacement in use, whatever we heard of that: it is the one to use, and is never deleted."""
        print("the broker has seen the replacement in use: forward")
        self.store.save(phase="stored", forward=True)
        return RECONNECT

    def renewed(self):
        self.store.forget()
        return RENEWED

    def on_handed_over(self, renewal):
        """The broker speaks of a replacement that our record knows nothing of, or this is a connection with the old credential."""
        store = self.store
        if store.phase == "stored":
            return RECONNECT
        if store.phase == "refused":
            return self.go_forward() if self.reported else None
        if not store.usable(store.other()):
            if self.lost:
                return FAILED  # and it said so before
            self.lost = True
            return self.give_up(renewal, "lost")
        if store.newest() == store.state["active"]:
            return NOTHING_OWED if store.phase == "idle" else self.renewed()
        store.reset(active=store.other())
        store.save()
        return RECONNECT

    def on_done(self, done):
        renewal = done.get(cbor.RENEWAL)
        if not renewal or self.ack:
            return
        if self.store.phase != "activated":
            return self.on_handed_over(renewal)
        if renewal == self.store.state["renewal"]:
            print("done: the old certificate is admitted until", done.get(cbor.RETIRES))
            return self.renewed()

    def keep_pause(self, seconds, rests):
        seconds = min(seconds, _PAUSE_MAX_S) if rests else seconds
        self.store.save(retry_after=seconds, retry_from=port.clock(), rests=rests)

    def stays(self, seconds):
        """When the pause is short, the connection stays: what we wait for may come by itself, and else we ask again."""
        self.waits += 1
        if seconds > self.options["wait"] or self.waits > _WAITS_MAX:
            return False
        self.hello_at = self.after(seconds * 1000 + port.jitter_ms(seconds * 250 + 250))
        return True

    def on_nothing_due(self, error):
        phase, seconds = self.store.phase, error.get(cbor.RETRY_AFTER, 0)
        if self.ack:
            return
        if cbor.RENEWAL in error and phase != "activated":
            return self.on_handed_over(error[cbor.RENEWAL])
        if phase == "stored":
            return RECONNECT
        if phase == "refused" and not self.reported:
            return
        if self.is_fetching():
            return  # what we said after that hello has its own answer
        print("nothing is due; ask again in %d seconds" % seconds)
        if phase in ("activated", "refused"):
            self.store.reset()
        self.keep_pause(seconds, False)
        if phase in ("activated", "refused"):
            return RENEWED if phase == "activated" else FAILED
        return None if self.stays(seconds) else NOTHING_OWED

    def on_pause(self, seconds):
        refused = self.store.phase == "refused" and self.reported
        if refused:
            self.store.reset()
        print("asked to wait %d seconds" % seconds)
        self.keep_pause(seconds, True)
        if refused:
            return FAILED
        return None if self.stays(seconds) else TRY_AGAIN

    def on_closed(self, unknown):
        phase = self.store.phase
        if phase == "stored":
            return RECONNECT
        if phase == "refused" and not unknown:
            return self.go_forward()
        if phase in ("fetching", "refused"):
            self.store.forget()
            self.hello()

    def on_error(self, error):
        code, state = error.get(cbor.CODE), self.store.state
        if code == "nothing_due":
            return self.on_nothing_due(error)
        print("error", code)
        if cbor.RENEWAL in error and state["phase"] != "idle" and error[cbor.RENEWAL] != state["renewal"]:
            return
        if code in ("renewal_closed", "unknown_renewal"):
            return self.on_closed(code == "unknown_renewal")
        if cbor.RETRY_AFTER in error:
            return self.on_pause(error[cbor.RETRY_AFTER])
        if code in _NEXT or state["phase"] in ("activated", "stored"):
            return
        if state["phase"] == "fetching":
            if code in _PARTS:
                return self.begin_again()
            self.store.forget()
        return FAILED

    def on_trust(self, announced):
        self.announced = announced

    def on_payload(self, word, payload):
        handlers = {"offer": self.on_offer, "part": self.on_part, "done": self.on_done, "error": self.on_error, "trust": self.on_trust}
        try:
            message = cbor.read(payload)
        except ValueError as fault:
            return print("%s is left aside: %s" % (word, fault))
        return handlers[word](message) if word in handlers else None

    def on_acknowledged(self, number):
        if number == self.hello_number:
            self.hello_number = None
            if not self.subscribed:
                # Only now, for what the subscriptions bring must already keep to the packets we announced.
                self.subscribed = True
                self.subscription = self.link.subscribe("error", "part", "done", "trust", "offer")
        elif number == self.ack:
            self.ack = None
            if self.store.phase == "stored":
                return RECONNECT
            if self.store.phase != "refused" and not self.lost:
                return FAILED
            # It is committed, but not said to be accepted: the next answer tells.
            self.reported = self.store.phase == "refused"
            self.hello()

    def on_subscribed(self, number):
        if number == self.subscription:
            self.subscription = None
            if self.store.phase == "refused":
                self.acknowledge(self.store.state["renewal"], "refused")

    def say_again(self, end):
        """Nothing came in time."""
        if self.hello_number or self.ack or self.subscription:
            raise OSError("no acknowledgement in time")
        if not self.hello_at and time.ticks_diff(end, time.ticks_ms()) <= 0:
            raise OSError("no answer in time")
        self.get() if self.is_fetching() else self.hello()

    def run(self):
        wait, again = self.options["wait"] * 1000, self.options["answer"] * 1000
        self.hello()
        end, again_at = self.after(wait), self.after(again)
        while True:
            port.feed()
            moments = [self.hello_at or again_at] + ([] if self.hello_at else [end])
            if self.hello_number or self.ack or self.subscription:
                moments.append(self.due)
            left = min([time.ticks_diff(moment, time.ticks_ms()) for moment in moments])
            packet = self.link.receive(max(left, 0))
            if packet is None:
                end = self.after(wait) if self.hello_at else end
                self.say_again(end)
                again_at = self.after(again)
                continue
            kind, body = packet
            code = None
            if kind == mqtt.PUBLISH:
                self.answered = True
                end, again_at = self.after(wait), self.after(again)
                word, payload, number = body
                code = self.on_payload(word, payload)
                self.link.acknowledge(number)
            elif kind in (mqtt.PUBACK, mqtt.SUBACK):
                on = self.on_acknowledged if kind == mqtt.PUBACK else self.on_subscribed
                code = on(body[0] << 8 | body[1])
            if code is not None:
                return code
