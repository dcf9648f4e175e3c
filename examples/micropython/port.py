# What the client needs of the board it runs on: places that outlast a power cut, randomness, a clock if there is one, a watchdog. Areas are
# files of one folder here. Every write and every message is a step; for tests, the program can be ended right after any of them, or in
# the middle of a write, as a power cut would.
import os
import sys
import time

AREA_MAX = 1536
_SLICE_MS = 1000
_LONGEST_MS = 300000
folder = "."
steps = 0
ends = {"die-after": 0, "tear": 0, "percent": 50}


class StorageFailed(Exception):
    """A write did not succeed: what was to be decided is not."""


def feed():
    """Feeds the watchdog: called in every loop and before everything that may block. On a board, machine.WDT's `feed`."""


def clock():
    """Unix seconds, or None on a board without a clock that outlasts a power cut."""
    return int(time.time())


def read(name):
    """The bytes of an area, or None when there are none."""
    try:
        with open(folder + "/" + name, "rb") as file:
            return file.read(AREA_MAX + 1)
    except OSError:
        return None


def write(name, offset, data):
    """Writes at an offset; at 0 the area is emptied first. A power cut may leave any part of it: whoever reads it expects that."""
    feed()
    torn = steps + 1 == ends["tear"]
    try:
        with open(folder + "/" + name, "r+b" if offset > 0 else "wb") as file:
            file.seek(offset)
            file.write(data[: len(data) * ends["percent"] // 100] if torn else data)
    except OSError as fault:
        raise StorageFailed(name, fault)
    step("tore" if torn else "wrote", name)


def step(kind, what):
    global steps
    steps += 1
    if steps in (ends["die-after"], ends["tear"]):
        print("cut off after step %d: %s %s" % (steps, kind, what))
        sys.exit(99)


def jitter_ms(up_to):
    """A random part of this."""
    return int.from_bytes(os.urandom(3), "big") * up_to >> 24


def backoff_ms(first_ms, tries):
    """Before the n-th try again, from 1 on: twice as long each time, up to five minutes; between half of that and all of it."""
    full = min(first_ms << min(tries - 1, 16), _LONGEST_MS)
    return full // 2 + jitter_ms(full // 2)


def pause_ms(ms):
    end = time.ticks_add(time.ticks_ms(), ms)
    while True:
        feed()
        left = time.ticks_diff(end, time.ticks_ms())
        if left <= 0:
            return
        time.sleep_ms(min(left, _SLICE_MS))
