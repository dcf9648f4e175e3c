// Reads and writes the messages' CBOR. It allocates nothing, recurses nowhere, and believes no length it has not held against
// the packet's end.
#include "cbor.h"

#include <string.h>

enum major { UNSIGNED = 0, BYTE_STRING = 2, TEXT = 3, ARRAY = 4, MAP = 5 };

struct reader {
  const uint8_t *at, *end;
};

struct item {
  enum major major;
  uint32_t value;       // the number, or how many bytes, items or pairs follow
  const uint8_t *bytes; // of a string
};

static size_t left(const struct reader *from) { return (size_t)(from->end - from->at); }

// Reads one item's head and, of a string, its bytes. Lengths are held against what is left before anything is believed.
static bool take(struct reader *from, struct item *item) {
  if (left(from) < 1) return false;
  uint8_t head = *from->at++;
  uint8_t info = head & 0x1f;
  size_t more = info < 24 ? 0 : info == 24 ? 1 : info == 25 ? 2 : info == 26 ? 4 : 99;
  if (more > left(from)) return false; // 8-byte numbers and indefinite lengths too
  item->major = (enum major)(head >> 5);
  item->value = more == 0 ? info : 0;
  for (; more > 0; more--) item->value = item->value << 8 | *from->at++;
  item->bytes = from->at;
  switch (item->major) {
  case UNSIGNED:
    return true;
  case BYTE_STRING:
  case TEXT:
    if (item->value > left(from)) return false;
    from->at += item->value;
    return true;
  case ARRAY:
    return item->value <= left(from);
  case MAP:
    return item->value <= left(from) / 2;
  default:
    return false;
  }
}

// Steps over what an array or map holds, however deep: by counting, not by recursion.
static bool step_over(struct reader *from, const struct item *outer) {
  size_t owed = outer->major == ARRAY ? outer->value : outer->major == MAP ? 2 * (size_t)outer->value : 0;
  for (struct item item; owed > 0; owed--) {
    if (!take(from, &item)) return false;
    owed += item.major == ARRAY ? item.value : item.major == MAP ? 2 * (size_t)item.value : 0;
    if (owed > left(from) + 1) return false;
  }
  return true;
}

static bool keep_number(uint32_t *into, const struct item *item) {
  *into = item->value;
  return item->major == UNSIGNED;
}

static bool keep_renewal(struct message *message, const struct item *item) {
  if (item->major != TEXT || item->value < 1 || item->value > RENEWAL_MAX) return false;
  if (memchr(item->bytes, 0, item->value)) return false;
  memcpy(message->renewal, item->bytes, item->value);
  message->renewal[item->value] = 0;
  return true;
}

static bool keep(struct message *message, uint32_t field, const struct item *item) {
  switch (field) {
  case RENEWAL:
    return keep_renewal(message, item);
  case MODE:
    return keep_number(&message->mode, item);
  case SIZE:
    return keep_number(&message->size, item);
  case RETIRES:
    return keep_number(&message->retires, item);
  case RETRY_AFTER:
    return keep_number(&message->retry_after, item);
  case OFFSET:
    return keep_number(&message->offset, item);
  case TOTAL:
    return keep_number(&message->total, item);
  case PORT:
    return keep_number(&message->port, item);
  case SHA256:
    message->sha256 = item->bytes;
    return item->major == BYTE_STRING && item->value == SHA256_SIZE;
  case CODE:
    message->code = item->bytes;
    message->code_size = item->value;
    return item->major == TEXT;
  case BYTES:
    message->bytes = item->bytes;
    message->bytes_size = item->value;
    return item->major == BYTE_STRING;
  default:
    return true; // a field of a later version, or one this client has no use for
  }
}

bool message_read(struct message *message, const uint8_t *in, size_t size) {
  struct reader from = {in, in + size};
  struct item map, key, value;
  memset(message, 0, sizeof *message);
  if (!take(&from, &map) || map.major != MAP) return false;
  for (uint32_t pair = 0; pair < map.value; pair++) {
    if (!take(&from, &key) || key.major != UNSIGNED || !take(&from, &value)) return false;
    if (!keep(message, key.value, &value) || !step_over(&from, &value)) return false;
    if (key.value > 31) continue; // of a later version
    if (message->has & 1u << key.value) return false;
    message->has |= 1u << key.value;
  }
  return left(&from) == 0;
}

bool message_has(const struct message *message, uint32_t fields) { return (message->has & fields) == fields; }

static void put_head(struct writer *to, enum major major, uint32_t value) {
  size_t more = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x10000 ? 2 : 4;
  if (to->full || (size_t)(to->end - to->at) < 1 + more) {
    to->full = true;
    return;
  }
  uint32_t info = more == 0 ? value : more == 1 ? 24 : more == 2 ? 25 : 26;
  *to->at++ = (uint8_t)((uint32_t)major << 5 | info);
  for (; more > 0; more--) *to->at++ = (uint8_t)(value >> (8 * (more - 1)));
}

void write_map(struct writer *to, uint8_t pairs) { put_head(to, MAP, pairs); }

void write_number(struct writer *to, enum field field, uint32_t value) {
  put_head(to, UNSIGNED, field);
  put_head(to, UNSIGNED, value);
}

static void put_string(struct writer *to, enum major major, enum field field, const void *bytes, size_t size) {
  put_head(to, UNSIGNED, field);
  put_head(to, major, (uint32_t)size);
  if (to->full || (size_t)(to->end - to->at) < size) {
    to->full = true;
    return;
  }
  memcpy(to->at, bytes, size);
  to->at += size;
}

void write_text(struct writer *to, enum field field, const char *text) { put_string(to, TEXT, field, text, strlen(text)); }

void write_bytes(struct writer *to, enum field field, const uint8_t *bytes, size_t size) {
  put_string(to, BYTE_STRING, field, bytes, size);
}
