# Plays stories of roots, ports and steps with examples/micropython/roots.py on real files: reads happenings, a line each, and prints what comes
# of each, as test/peers/trust-devices/model.ts has both. usage: trust-model.py EXAMPLES FOLDER TOGETHER
import sys

sys.path.insert(0, sys.argv[1])
import port
import roots as root_store
import step as steps

port.folder = sys.argv[2]
together = int(sys.argv[3])
numbers = {steps.fingerprint(b"root %d" % number): number for number in range(1, 5)}
names = {number: name for name, number in numbers.items()}


class Step:
    def __init__(self, kind, sequence, signer, named, verifies):
        self.kind, self.sequence, self.signer, self.named = kind, sequence, names[signer], names[named]
        self.root, self.verifies = b"root %d" % named, verifies

    def is_signed_by(self, der):
        return self.verifies and steps.fingerprint(der) == self.signer


def shown(answer, state):
    held = ["%d%s:%d:%d" % (numbers[root["sha256"]], "-" if root["leaving"] else "", root["heard"], root["by"]) for root in state["roots"]]
    port_number, root = state["committed"]
    last = "announced %d committed %d/%d last %d" % (state["announced"], port_number, numbers[root], state["last"])
    print(" ".join([answer] + held + ["ports"] + [str(each) for each in state["ports"]] + [last]))


for line in sys.stdin:
    word, values = line.split()[0], [int(value) for value in line.split()[1:]]
    if word == "new":
        for area in ("ca.der", "root1.der", "root2.der", "roots0", "roots1"):
            port.write(area, 0, b"root 1" if area == "ca.der" else b"")
        held = root_store.Roots(values[1])
        print("new")
    elif word == "take":
        before = held.copy()
        step = Step(*values[:5])
        code = held.take(step, values[5])
        same = dict(held.state)
        same["sequence"] = before["sequence"]
        shown(code or ("known" if same == before else "taken"), held.state)
    elif word == "connack":
        held.after_connack(values[0], names[values[1]])
        shown("connected", held.state)
    else:
        tries = held.attempts(together, values[0])
        print(" ".join(["attempts"] + ["%d/%s" % (each, ",".join([str(numbers[root["sha256"]]) for root in group])) for each, group in tries]))
    if held.record.kept:
        held = root_store.Roots(8883)  # as after a restart
