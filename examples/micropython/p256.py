# Verifies ECDSA on P-256 over a SHA-256 (FIPS 186-5, 6.4.2). mbedTLS does that within the handshake, but MicroPython's `tls` offers it to
# nobody. It only verifies: all numbers in it are public, and it takes no care to hide them.
import hashlib

import port

_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    1,
)
_FEED_EVERY = 16  # bits between two turns of the watchdog

# Points are (x, y, z), Jacobian: x/z^2 and y/z^3 on the curve; z is 0 for the neutral one.


def _double(point):
    x, y, z = point
    if z == 0 or y == 0:
        return (1, 1, 0)
    square = z * z % _P
    slope = 3 * (x - square) * (x + square) % _P
    y2 = y * y % _P
    s = 4 * x * y2 % _P
    x3 = (slope * slope - 2 * s) % _P
    return (x3, (slope * (s - x3) - 8 * y2 * y2) % _P, 2 * y * z % _P)


def _add(one, other):
    x1, y1, z1 = one
    x2, y2, z2 = other
    if z1 == 0 or z2 == 0:
        return other if z1 == 0 else one
    z1z1, z2z2 = z1 * z1 % _P, z2 * z2 % _P
    u1, u2 = x1 * z2z2 % _P, x2 * z1z1 % _P
    s1, s2 = y1 * z2 * z2z2 % _P, y2 * z1 * z1z1 % _P
    h, r = (u2 - u1) % _P, (s2 - s1) % _P
    if h == 0:
        return _double(one) if r == 0 else (1, 1, 0)
    hh = h * h % _P
    hhh, v = h * hh % _P, u1 * hh % _P
    x3 = (r * r - hhh - 2 * v) % _P
    return (x3, (r * (v - x3) - s1 * hhh) % _P, h * z1 * z2 % _P)


def _power(base, exponent, modulus):
    """Not every port's pow() takes three numbers."""
    result = 1
    while exponent:
        if exponent & 1:
            result = result * base % modulus
        base = base * base % modulus
        exponent >>= 1
    return result


def is_point(x, y):
    return x < _P and y < _P and (y * y - x * x * x + 3 * x - _B) % _P == 0


def verifies(point, r, s, message):
    """Is (r, s) a signature over the message by the key with this uncompressed point, 65 bytes? Takes seconds on a microcontroller."""
    x, y = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:65], "big")
    if len(point) != 65 or point[0] != 4 or not is_point(x, y) or not (0 < r < _N and 0 < s < _N):
        return False
    inverse = _power(s, _N - 2, _N)
    u1 = int.from_bytes(hashlib.sha256(message).digest(), "big") * inverse % _N
    u2 = r * inverse % _N
    key = (x, y, 1)
    both = _add(_G, key)
    found = (1, 1, 0)
    for bit in range(255, -1, -1):
        if bit % _FEED_EVERY == 0:
            port.feed()
        found = _double(found)
        one, other = u1 >> bit & 1, u2 >> bit & 1
        if one or other:
            found = _add(found, both if one and other else _G if one else key)
    x, _, z = found
    # x / z^2 is r, or r + N where that is still below P.
    return z != 0 and any((candidate * z * z - x) % _P == 0 for candidate in (r, r + _N) if candidate < _P)
