# Renews a device's certificate in key mode `recertify`, on MicroPython.
# usage: renew.py HOST PORT ID FOLDER [--wait S] [--answer S] [--tries N] [--pause MS] [--linger MS] [--together N]
#
# FOLDER holds key.der, ca.der and slot0.der. Here it is decided with which credential to connect, and what a refusal and what silence mean.
# Only CONNACK or an alert of TLS refuses: then the other credential is tried, and nothing is forgotten. No answer says nothing: it is tried
# again, and a replacement takes turns with the old credential. Each is tried on every port with every root before it counts as unanswered.
# Exit codes: 0 renewed, 1 refused, 2 usage, 3 nothing was owed, 4 too large a packet came, 75 try again.
import sys

import mqtt
import port
import roots as root_store
import store as stores
import talk
import trust

UNANSWERED_MAX = 3  # in a row with the replacement, before the old credential has its turn
CONNECTIONS_MAX = 16  # of one run, whatever happens
options = {"wait": 60, "answer": 30, "tries": 6, "pause": 2000, "stretch": 0, "announce": mqtt.PACKET_MAX}
options.update({"linger": 1000, "together": root_store.ROOTS_MAX})


class Renewal:
    def __init__(self, host, device, store, roots):
        self.host, self.device, self.store, self.roots, self.counts = host, device, store, roots, []
        self.places = []  # ports and roots that are still to be tried
        self.trial = self.failed = self.earned = None  # (renewal, port); (renewal, code); what it ends with
        self.announced = None  # the step of a root, until there is time for it
        self.refused = [False, False]  # in this run
        self.unanswered = 0
        self.slot = self.preferred()

    def preferred(self):
        return self.store.other() if self.store.phase == "stored" else self.store.state["active"]

    def on_admitted(self):
        """The broker took this slot's credential: it is the active one from now on."""
        store = self.store
        if self.slot == store.state["active"]:
            return
        if store.phase == "stored":
            print("activated")
            return store.save(active=self.slot, phase="activated")
        print("the other credential is admitted")
        store.reset(active=self.slot)
        store.save()

    def try_other(self, why):
        print("slot %d %s" % (self.slot, why))
        other = 1 - self.slot
        if self.refused[other] or not self.store.usable(other):
            print("the other one too: both are kept")
            return talk.FAILED
        self.slot = other

    def on_refused(self, why):
        store = self.store
        print(why)
        if store.phase == "stored" and self.slot != store.state["active"] and not store.state.get("forward"):
            store.save(phase="refused")
        self.refused[self.slot] = True
        port.pause_ms(port.backoff_ms(options["pause"], 1))
        return self.try_other("is refused")

    def on_unanswered(self, why):
        print("the link was lost:", why)
        self.unanswered += 1
        if self.unanswered >= options["tries"]:
            return talk.TRY_AGAIN
        port.pause_ms(port.backoff_ms(options["pause"], self.unanswered))
        self.slot = self.preferred()
        turn = self.unanswered % (2 * UNANSWERED_MAX) >= UNANSWERED_MAX
        if self.store.phase == "stored" and turn and not self.refused[1 - self.slot]:
            self.slot = 1 - self.slot

    def converse(self, link):
        """Gives an exit code, or None when another connection is to be made."""
        self.on_admitted()
        conversation = talk.Talk(link, self.store, options, self.refused[1 - self.slot])
        try:
            code = conversation.run()
            self.announced = conversation.announced or self.announced
            if code != talk.RECONNECT:
                self.earned = talk.RENEWED if self.earned == talk.RENEWED else code
                self.hear_roots(link)
            link.disconnect()
        finally:
            self.counts.append((link.publishes, link.up, link.down, link.largest))
            self.unanswered = 0 if conversation.answered else self.unanswered
        if code != talk.RECONNECT:
            return None if self.trial else self.earned
        self.slot = self.preferred()
        if self.refused[self.slot]:
            # It was refused before, and the broker sends us back to it: not more than once in a run.
            self.refused[self.slot], self.refused[1 - self.slot] = False, True

    def hear_roots(self, link):
        """Hears what a root has to say, and reports how the last trial of a port ended."""
        conversation = trust.Trust(link, self.roots, options)
        try:
            self.trial = conversation.hear(self.announced, self.failed)
            self.failed = self.announced = None
        except OSError:
            if conversation.begun:
                raise
            # Nothing was being said: what was done before stands.

    def on_place(self, code):
        """It cannot be used: on to the next. Was it the one that was on trial, the broker hears why."""
        port_number, _ = self.places.pop(0)
        if self.trial and port_number == self.trial[1]:
            self.failed = self.trial[0], code
        return bool(self.places)

    def connect(self):
        """The connection, at the first place in the list that ends in CONNACK 0. Raises what the last one raised."""
        if not self.places:
            self.places = self.roots.attempts(options["together"], self.trial[1] if self.trial else 0)
        while True:
            if not self.places:
                raise OSError("there is no root")
            port_number, roots = self.places[0]
            ders = [der for der in [self.roots.der(root) for root in roots] if der]
            on_trial = self.trial and port_number == self.trial[1]
            credential = self.store.key, stores.leaf(self.slot)
            try:
                if not ders:
                    raise OSError("the root is damaged")
                link = mqtt.Connection(self.host, port_number, self.device, *credential, ders, options["answer"], port.step)
            except mqtt.Untrusted as fault:
                print("port %d: %s" % (port_number, fault))
                if not self.on_place("port_untrusted"):
                    raise OSError("no root verifies the broker")
                continue
            except mqtt.Refused:
                if not on_trial or not self.on_place("port_unreachable"):
                    self.places = []
                    raise
                continue
            except OSError:
                if not self.on_place("port_unreachable"):
                    raise
                continue
            self.places = []
            self.trial, self.failed = None, None if on_trial else self.failed
            self.roots.after_connack(port_number, root_store.steps.fingerprint(link.root))
            return link

    def connection(self):
        """One connection. Gives an exit code, or None when another one is to be made."""
        store, link = self.store, None
        if store.phase == "stored" and self.slot == store.other() and store.fault():
            print("the replacement is damaged:", store.fault())
            store.save(phase="fetching", received=0)
            self.slot = self.preferred()
        if not store.usable(self.slot):
            return self.try_other("holds no credential")
        try:
            link = self.connect()
            return self.converse(link)
        except mqtt.Refused as refused:
            return self.on_refused(refused)
        except mqtt.Unusable:
            return self.try_other("holds no credential")
        except OSError as broken:
            return self.on_unanswered(broken)
        finally:
            if link:
                link.close()

    def rest(self):
        """Waits what is left of the pause the broker asked for, as far as can be told after a power cut. False when that is long."""
        state, now = self.store.state, port.clock()
        left, begun = state.get("retry_after", 0) if state.get("rests") else 0, state.get("retry_from")
        if begun and now and now >= begun:
            left = max(0, left - (now - begun))
        if left == 0:
            return True
        print("asked to wait: %d seconds of it are left" % left)
        if left > options["wait"] and now:
            return False  # with a clock, it is over some day however often we are started
        port.pause_ms(left * 1000 + port.jitter_ms(left * 250))
        self.store.save(rests=False)
        return True

    def run(self):
        if not self.rest():
            return talk.TRY_AGAIN
        for _ in range(CONNECTIONS_MAX):
            port.feed()
            code = self.connection()
            if code is not None:
                return code
        return talk.TRY_AGAIN


def main(words):
    host, port_number, device, port.folder = words[:4]
    for name, value in zip(words[4::2], words[5::2]):
        (port.ends if name[2:] in port.ends else options)[name[2:]] = int(value)
    renewal = Renewal(host, device, stores.Store(), root_store.Roots(int(port_number)))
    try:
        code = renewal.run()
    except mqtt.TooLarge as too_large:
        print(too_large)
        code = talk.TOO_LARGE
    except ValueError as fault:
        print("not MQTT as we speak it:", fault)
        code = talk.FAILED
    except port.StorageFailed as fault:
        print("the state cannot be saved:", fault)
        code = talk.FAILED
    counts = renewal.counts
    sums = [sum(count[i] for count in counts) for i in range(3)]
    print("steps %d, publishes %d, payload up %d down %d bytes" % tuple([port.steps] + sums))
    print("largest packet in %d" % max([count[3] for count in counts] or [0]))
    sys.exit(code)


if len(sys.argv) < 5 or len(sys.argv) % 2 == 0:
    print("usage: renew.py HOST PORT ID FOLDER [--wait S] [--answer S] [--tries N] [--pause MS] [--linger MS] [--together N]")
    print("       for tests: [--stretch BYTES] [--announce BYTES] [--die-after STEPS] [--tear STEPS] [--percent N]")
    sys.exit(2)
main(sys.argv[1:])
