# A client on MicroPython's tls, with cases and answers as line-client.h says. Several roots: one call of load_verify_locations for each,
# in DER; several in one buffer load only the first.
import binascii
import socket
import sys
import tls

CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"


def ders(path):
    """The objects of a PEM file."""
    with open(path) as file:
        blocks = file.read().split("-----BEGIN ")[1:]
    return [binascii.a2b_base64(block.split("-----")[1].replace("\n", "")) for block in blocks]


def attempt(port, roots, certificate, key):
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    for root in ders(roots):
        context.load_verify_locations(root)
    context.load_cert_chain(ders(certificate)[0], ders(key)[0])
    plain = socket.socket()
    try:
        plain.connect(socket.getaddrinfo("127.0.0.1", int(port))[0][-1])
        stream = context.wrap_socket(plain, server_hostname="localhost")
        stream.write(CONNECT)
        answer = stream.read(4)
        if answer != b"\x20\x02\x00\x00":
            return "not accepted: %r" % answer
        stream.write(b"\xe0\x00")
        stream.close()
        return "connected"
    finally:
        plain.close()


while True:
    line = sys.stdin.readline()
    if not line:
        break
    try:
        said = attempt(*line.rstrip("\n").split("\t"))
    except (OSError, ValueError) as error:
        said = repr(error)
    print(said)
