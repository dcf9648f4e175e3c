"""A client on Python's ssl, with cases and answers as line-client.h says. Several roots: one file in PEM.

With the argument `strict` it verifies as Python from 3.13 on does by default.
"""
import socket
import ssl
import sys

CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"


def attempt(port, roots, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if sys.argv[1:] == ["strict"]:
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(roots)
    context.load_cert_chain(certificate, key)
    with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(CONNECT)
            answer = b""
            while len(answer) < 4:
                got = tls.recv(4 - len(answer))
                if not got:
                    return "ended"
                answer += got
            if answer != b"\x20\x02\x00\x00":
                return "not accepted"
            tls.sendall(b"\xe0\x00")
            return "connected"


for line in sys.stdin:
    try:
        said = attempt(*line.rstrip("\n").split("\t"))
    except (OSError, ssl.CertificateError) as error:
        said = str(error).replace("\n", " ")
    print(said, flush=True)
