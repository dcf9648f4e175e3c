// What outlasts a power cut: two slots with a certificate each, and a small record of where the renewal stands. Files here,
// two flash pages on a device.
#ifndef STORE_H
#define STORE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbor.h"

// The largest replacement a slot holds, with the digest that may follow it.
#define SLOT_SIZE 1024

enum phase {
  IDLE = 0,
  FETCHING = 1,  // the other slot is being filled
  STORED = 2,    // it is whole and checked: connect with it
  REFUSED = 3,   // the gateway did not take it: back to the old one, and say so
  ACTIVATED = 4, // it was taken and is the active one now; `done` is awaited
};

struct state {
  uint8_t active; // slot 0 or 1
  uint8_t phase;
  uint8_t refusals; // of the replacement, in this phase
  char renewal[RENEWAL_MAX + 1];
  uint32_t size;     // of the replacement
  uint32_t received; // bytes of it in the slot
  bool has_sha256;   // else the digest follows the replacement
  uint8_t sha256[SHA256_SIZE];
};

// All of these return false when the file system refused, or a file is larger than `capacity` or is not there.
bool store_open(const char *folder);
bool store_read(const char *name, uint8_t *into, size_t capacity, size_t *size);
bool store_read_slot(uint8_t slot, uint8_t *into, size_t capacity, size_t *size);

// Writes bytes at an offset of a slot, and has them on the disk before it returns. At offset 0 the slot is emptied first.
bool store_write_slot(uint8_t slot, uint32_t offset, const uint8_t *bytes, size_t size);

// Loads the state; a first boot has slot 0 active and nothing under way.
bool store_load(struct state *state);

// Saves the whole state or none of it.
bool store_save(const struct state *state);
#endif
