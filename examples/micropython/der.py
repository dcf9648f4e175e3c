# As much of DER as is needed to find something in a certificate. Whatever is not as long as it says is a ValueError.


def element(data, at):
    """Where the contents of the element at this place begin and end."""
    if at + 2 > len(data):
        raise ValueError("cut short")
    size, start = data[at + 1], at + 2
    if size & 0x80:
        start += size & 0x7F
        if size == 0x80 or start > at + 4 or start > len(data):
            raise ValueError("not a length of DER")
        size = int.from_bytes(data[at + 2 : start], "big")
    if start + size > len(data):
        raise ValueError("cut short")
    return start, start + size


def parts(data, at, end):
    """What follows one another from here to there: a list of (tag, begin, start of the contents, end)."""
    found = []
    while at < end:
        start, after = element(data, at)
        if after > end:
            raise ValueError("longer than what it is in")
        found.append((data[at], at, start, after))
        at = after
    return found


def inside(data, at=0):
    """The parts of the element at this place."""
    return parts(data, *element(data, at))
