// The enrollment messages in CBOR, read and written by hand: one map with small integer keys, at most one packet long. Reading
// keeps no copy and never looks past the end; what it does not know it steps over or refuses.
#ifndef CBOR_H
#define CBOR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The numbers of docs/protocol.md, of the fields this client has a use for.
enum field {
  RENEWAL = 1, MODE = 2, SIZE = 5, SHA256 = 6, CSR = 7, STATUS = 9, CODE = 10, RETIRES = 12, RETRY_AFTER = 13,
  MAX_PACKET = 15, SLOTS = 16, OFFSET = 18, TOTAL = 19, BYTES = 20, LENGTH = 21, PORT = 23,
};
enum { MODE_CSR = 0, MODE_RECERTIFY = 1 };
enum { STATUS_INSTALLED = 0, STATUS_FAILED = 1, STATUS_STORED = 2 };

#define RENEWAL_MAX 16
#define SHA256_SIZE 32

// A message of the broker. Only the fields whose bit is set were there; pointers lead into the packet.
struct message {
  uint32_t has; // bit n: field n
  uint32_t mode, size, retires, retry_after, offset, total, port;
  char renewal[RENEWAL_MAX + 1];
  const uint8_t *sha256;
  const uint8_t *code;
  size_t code_size;
  const uint8_t *bytes;
  size_t bytes_size;
};

// True when the whole of `in` is one map of this protocol: definite lengths, no tags, floats or negative numbers, no key
// twice, numbers below 2^32, known fields of their own type and size.
bool message_read(struct message *message, const uint8_t *in, size_t size);

// True when the message has all of these fields, given as 1u << FIELD each.
bool message_has(const struct message *message, uint32_t fields);

// A message being written; `full` once something had no room.
struct writer {
  uint8_t *at, *end;
  bool full;
};

void write_map(struct writer *to, uint8_t pairs);
void write_number(struct writer *to, enum field field, uint32_t value);
void write_text(struct writer *to, enum field field, const char *text);
void write_bytes(struct writer *to, enum field field, const uint8_t *bytes, size_t size);
#endif
