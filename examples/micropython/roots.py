# The roots that verify the broker, and the ports where it is: which step of a root is taken, what is tried when it connects, and what a
# CONNACK settles. Roots, sequences, ports and the pair that worked last are one record, in two copies.
import port
import step as steps
from store import Record

ROOTS_MAX = 2  # that are kept
PORTS_MAX = 4
_AREAS = ("ca.der", "root1.der", "root2.der")  # one more than ROOTS_MAX: a root is written where none is


class Roots:
    def __init__(self, given_port):
        self.given_port, self.record = given_port, Record("roots")
        self.state = self.record.kept or self.found()
        self.tidy()

    def found(self):
        """What it was made with, or what is left where both copies of the record are lost: the roots in the order of their beginning."""
        ders = [(area, port.read(area)) for area in _AREAS]
        found = [(area, der) for area, der in ders if der and (area == _AREAS[0] or steps.is_root(der))]
        dated = sorted([(steps.not_before(der), steps.fingerprint(der), area) for area, der in found])
        roots = [self.entry(sha256, area, 0) for _, sha256, area in dated]
        first = roots[0]["sha256"] if roots else ""
        return {"sequence": 0, "roots": roots, "ports": [self.given_port], "announced": 0, "committed": [self.given_port, first], "last": 0}

    def entry(self, sha256, area, brought_by):
        return {"sha256": sha256, "area": area, "heard": 0, "by": brought_by, "leaving": False}

    def tidy(self):
        """Empties the areas that the record does not name: what a cut left behind, or a root that was given up."""
        used = [root["area"] for root in self.state["roots"]]
        for area in _AREAS:
            if area not in used and port.read(area):
                port.write(area, 0, b"")

    def save(self, state):
        if state != self.state:
            self.write(state)
            self.tidy()

    def write(self, state):
        """As the next copy, whatever the state says of its number."""
        state["sequence"] = self.state["sequence"]
        self.record.write(state)
        self.state = self.record.kept = state

    def der(self, root):
        der = port.read(root["area"])
        return der if der and steps.fingerprint(der) == root["sha256"] else None

    def held(self, sha256):
        return next((root for root in self.state["roots"] if root["sha256"] == sha256), None)

    def newest(self):
        return [root for root in self.state["roots"] if not root["leaving"]][-1]

    def is_taken(self, sequence):
        return sequence in [self.state["last"]] + [root["by"] for root in self.state["roots"] if root["by"]]

    def brought(self, sequence):
        """SHA-256 of the root that this step brought; None where it brought none."""
        brought = [root["sha256"] for root in self.state["roots"] if root["by"] == sequence]
        return brought[0] if brought else None

    def objection(self, step):
        """Why a step is not taken, or None; None also for one that was taken before."""
        state = self.state
        signer = self.held(step.signer)
        if not signer:
            return "unknown_signer"
        der = self.der(signer)
        if not der or not step.is_signed_by(der):
            return "bad_signature"
        if signer != self.newest():
            return "older_root"
        if step.sequence <= signer["heard"]:
            return "old_sequence"
        if step.kind == steps.SUCCESSOR and self.held(step.named):
            return "already_held"
        if step.kind == steps.WITHDRAW and len([root for root in state["roots"] if not root["leaving"]]) < 2:
            return "last_root"
        return None

    def is_held_after(self, step):
        order = [root["sha256"] for root in self.state["roots"] if not root["leaving"]]
        if step.kind != steps.SUCCESSOR or step.named not in order:
            return False
        return step.signer not in order or order.index(step.named) > order.index(step.signer)

    def take(self, step, announced):
        """Keeps what a step says. Gives the code of the refusal; None when it is kept, also from before."""
        if self.is_held_after(step):
            return None
        code = self.objection(step)
        if code:
            return None if code == "old_sequence" and step.sequence == self.state["last"] else code
        state = self.copy()
        state["last"] = step.sequence
        for root in state["roots"]:
            if root["sha256"] == step.signer:
                root["heard"] = step.sequence
            elif step.kind == steps.DROP:
                root["leaving"] = True
            if step.kind == steps.WITHDRAW and root["sha256"] == step.signer:
                root["leaving"] = True
        if step.kind == steps.SUCCESSOR:
            if not self.make_room(state["roots"], step.signer):
                return "no_slot"
            if not self.record.kept:
                self.write(self.copy())  # so that a root which is cut off while it is written counts for nothing
            area = [area for area in _AREAS if not [root for root in self.state["roots"] if root["area"] == area]][0]
            port.write(area, 0, step.root)
            state["roots"].append(self.entry(step.named, area, step.sequence))
            state["announced"] = announced
        self.save(self.settled(state))
        return None

    def make_room(self, roots, signer):
        """The oldest goes, but neither the signer nor the one that verified the last connection."""
        if len(roots) < ROOTS_MAX:
            return True
        able = [root for root in roots if root["sha256"] not in (signer, self.state["committed"][1])]
        if able:
            roots.remove(able[0])
        return bool(able)

    def copy(self):
        state = dict(self.state)
        state["roots"] = [dict(root) for root in self.state["roots"]]
        return state

    def settled(self, state):
        """Without the roots that were given up, if the last connection was under one that stays."""
        staying = [root for root in state["roots"] if not root["leaving"]]
        if state["committed"][1] in [root["sha256"] for root in staying]:
            state["roots"] = staying
        return state

    def after_connack(self, port_number, sha256):
        """CONNACK 0 on this port, whose chain this root verified: both are committed together."""
        if not self.held(sha256):
            return
        state = self.copy()
        state["committed"] = [port_number, sha256]
        state["ports"] = ([port_number] + [each for each in state["ports"] if each != port_number])[:PORTS_MAX]
        if state["announced"] == port_number:
            state["announced"] = 0
        if self.state["sequence"] == 0 and state["committed"] == self.state["committed"]:
            return  # as it was made: nothing to write down
        self.save(self.settled(state))

    def attempts(self, together, trial):
        """What to try in order, as (port, roots): every root on every port. `trial`: a port to be tried first, with the newest root alone."""
        state = self.state
        committed = state["committed"]
        ports = []
        for each in [trial, committed[0]] + state["ports"] + [state["announced"], self.given_port]:
            if each and each not in ports:
                ports.append(each)
        tries = []
        for leaving in (False, True):
            newest_first = [root for root in reversed(state["roots"]) if root["leaving"] == leaving]
            for each in ports:
                roots, alone = newest_first[:], 1 if each == trial else 0
                if each == committed[0] and not alone:  # what worked last
                    first = [root for root in roots if root["sha256"] == committed[1]]
                    roots = first + [root for root in roots if root not in first]
                groups = [roots[:alone]] + [roots[at : at + together] for at in range(alone, len(roots), together)]
                tries += [(each, group) for group in groups if group]
        return tries
