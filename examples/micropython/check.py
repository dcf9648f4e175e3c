# Reads CBOR in hex, a message a line, and prints what cbor.read made of each as JSON, or "refused". For tests.
import json
import sys

import cbor

names = {cbor.RENEWAL: "renewal", cbor.MODE: "mode", cbor.SIZE: "size", cbor.SHA256: "sha256", cbor.CODE: "code"}
names.update({cbor.RETIRES: "retires", cbor.RETRY_AFTER: "retryAfter", cbor.OFFSET: "offset", cbor.TOTAL: "total"})
names.update({cbor.BYTES: "bytes", cbor.PORT: "port"})

for line in sys.stdin:
    try:
        found = cbor.read(bytes.fromhex(line.strip()))
        known = {names[key]: found[key] for key in names if key in found}
        print(json.dumps({name: value.hex() if isinstance(value, bytes) else value for name, value in known.items()}))
    except ValueError:
        print("refused")
