// What outlasts a power cut: two slots with a credential each, and a small record of where the renewal stands, in two copies.
#ifndef STORE_H
#define STORE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbor.h"

// The largest replacement a slot takes, with the digest that may follow it.
#define REPLACEMENT_MAX 1024
// A slot holds its own key if it has one, the request for its certificate if there was one, and the certificate, one after the
// other in DER: key and certificate take effect together, or not at all.
#define SLOT_SIZE 1536

enum phase {
  IDLE = 0,
  FETCHING = 1,  // the other slot is being filled
  STORED = 2,    // it is whole and checked: connect with it
  REFUSED = 3,   // the broker refused it: tell it so with the old one, and keep both
  ACTIVATED = 4, // it was taken and is the active one now; `done` is awaited
  REQUESTED = 5, // key mode csr: the other slot holds a new key and the request for it
};

struct state {
  uint32_t sequence; // of the copy; the newest valid one counts
  uint8_t active;    // slot 0 or 1
  uint8_t phase;
  bool has_sha256; // else the digest follows the replacement
  bool rests;      // retry_after is to be waited before anything else
  bool forward;    // the broker has seen the replacement in use: it is not reported as refused again
  char renewal[RENEWAL_MAX + 1];
  uint32_t size;        // of the replacement
  uint32_t received;    // bytes of it in the slot
  uint32_t prefix;      // bytes before it in the slot: key and request
  uint32_t retry_after; // seconds, as the broker said last; 0 for none
  uint32_t retry_from;  // Unix seconds of that moment; 0 without a clock
  uint8_t sha256[SHA256_SIZE];
};

bool store_read_slot(uint8_t slot, uint8_t *into, size_t *size);

// Writes bytes at an offset of a slot, and has them on the medium before it returns. At offset 0 the slot is emptied first.
bool store_write_slot(uint8_t slot, uint32_t offset, const uint8_t *bytes, size_t size);

// Loads the newest valid copy. False, and a state that knows nothing, when neither is valid: on the first boot, or after damage.
bool store_load(struct state *state);

// Writes the state over the older copy: a cut leaves the newer one.
bool store_save(struct state *state);
#endif
