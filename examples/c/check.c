// Reads CBOR in hex, a message a line, and prints what message_read made of each as JSON, or "refused". For tests: each message
// lies in a block of just its size, so that a sanitizer sees any look past its end.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbor.h"

static const char *between;

static void print_name(const char *name) {
  printf("%s\"%s\":", between, name);
  between = ",";
}

static void print_hex(const char *name, const uint8_t *bytes, size_t size) {
  print_name(name);
  printf("\"");
  for (size_t i = 0; i < size; i++) printf("%02x", bytes[i]);
  printf("\"");
}

// Texts of this protocol are words: what else there is in one is shown as a dot.
static void print_text(const char *name, const char *text, size_t size) {
  print_name(name);
  printf("\"");
  for (size_t i = 0; i < size; i++) putchar(text[i] >= ' ' && text[i] <= '~' && text[i] != '"' && text[i] != '\\' ? text[i] : '.');
  printf("\"");
}

static void print(const struct message *message) {
  const struct {
    enum field field;
    const char *name;
    uint32_t value;
  } numbers[] = {
    {MODE, "mode", message->mode},          {SIZE, "size", message->size},
    {RETIRES, "retires", message->retires}, {RETRY_AFTER, "retryAfter", message->retry_after},
    {OFFSET, "offset", message->offset},    {TOTAL, "total", message->total},
    {PORT, "port", message->port},
  };
  between = "";
  printf("{");
  if (message_has(message, 1u << RENEWAL)) print_text("renewal", message->renewal, strlen(message->renewal));
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    if (!message_has(message, 1u << numbers[i].field)) continue;
    print_name(numbers[i].name);
    printf("%u", (unsigned)numbers[i].value);
  }
  if (message_has(message, 1u << SHA256)) print_hex("sha256", message->sha256, SHA256_SIZE);
  if (message_has(message, 1u << CODE)) print_text("code", (const char *)message->code, message->code_size);
  if (message_has(message, 1u << BYTES)) print_hex("bytes", message->bytes, message->bytes_size);
  printf("}\n");
}

int main(void) {
  static char line[8192];
  while (fgets(line, sizeof line, stdin)) {
    size_t size = strcspn(line, "\n") / 2;
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    struct message message;
    if (!bytes) return 1;
    for (size_t i = 0; i < size; i++) {
      char pair[3] = {line[2 * i], line[2 * i + 1], 0};
      bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    if (message_read(&message, bytes, size)) print(&message);
    else printf("refused\n");
    free(bytes);
  }
  return 0;
}
