# The enrollment messages in CBOR by hand: one map with small integer keys. Lengths are held against what is there before
# anything is sliced; tags, floats, negative numbers, indefinite lengths and keys that come twice are refused.

RENEWAL, MODE, SIZE, SHA256, STATUS, CODE = 1, 2, 5, 6, 9, 10
RETIRES, RETRY_AFTER, MAX_PACKET, SLOTS, OFFSET, TOTAL, BYTES, LENGTH, PORT = 12, 13, 15, 16, 18, 19, 20, 21, 23

_NUMBER, _BYTES, _TEXT, _ARRAY, _MAP = 0, 2, 3, 4, 5
_DEPTH_MAX = 4
_types = {RENEWAL: str, MODE: int, SIZE: int, SHA256: bytes, CODE: str, RETIRES: int, RETRY_AFTER: int}
_types.update({OFFSET: int, TOTAL: int, BYTES: bytes, PORT: int})


def _head(data, at):
    if at >= len(data):
        raise ValueError("cut short")
    major, info = data[at] >> 5, data[at] & 31
    if info < 24:
        return major, info, at + 1
    if info > 26:
        raise ValueError("a number of 8 bytes, or no length")
    end = at + 1 + (1 << (info - 24))
    if end > len(data):
        raise ValueError("cut short")
    return major, int.from_bytes(data[at + 1 : end], "big"), end


def _item(data, at, depth):
    major, value, at = _head(data, at)
    if major == _NUMBER:
        return value, at
    if value > len(data) - at:
        raise ValueError("longer than the packet")
    if major == _BYTES:
        return bytes(data[at : at + value]), at + value
    if major == _TEXT:
        return str(bytes(data[at : at + value]), "utf-8"), at + value
    if major not in (_ARRAY, _MAP) or depth == 0:
        raise ValueError("not of this protocol")
    items = []
    for _ in range(value if major == _ARRAY else 2 * value):
        item, at = _item(data, at, depth - 1)
        items.append(item)
    return items, at


def read(data):
    """The map as a dict. Raises ValueError for anything that is not one whole map of this protocol."""
    major, pairs, at = _head(data, 0)
    if major != _MAP or pairs > len(data):
        raise ValueError("not a map")
    found = {}
    for _ in range(pairs):
        key, at = _item(data, at, 0)
        if not isinstance(key, int) or key in found:
            raise ValueError("a key that is no number, or comes twice")
        found[key], at = _item(data, at, _DEPTH_MAX)
        if not isinstance(found[key], _types.get(key, object)):
            raise ValueError("a field of the wrong type")
    if at != len(data):
        raise ValueError("something follows the map")
    if not 1 <= len(found.get(RENEWAL, "-")) <= 16 or len(found.get(SHA256, bytes(32))) != 32:
        raise ValueError("a field of the wrong size")
    return found


def _put(major, value):
    if value < 24:
        return bytes((major << 5 | value,))
    for info, size in ((24, 1), (25, 2), (26, 4)):
        if value < 1 << (8 * size):
            return bytes((major << 5 | info,)) + value.to_bytes(size, "big")
    raise ValueError("too large")


def write(fields):
    """A dict of numbers and texts by field number, as bytes."""
    out = _put(_MAP, len(fields))
    for key in sorted(fields):
        value = fields[key]
        out += _put(_NUMBER, key)
        if isinstance(value, int):
            out += _put(_NUMBER, value)
        else:
            out += _put(_TEXT, len(value)) + value.encode()
    return out
