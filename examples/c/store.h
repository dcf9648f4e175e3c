// What outlasts a power cut: two slots with a credential each, places for the roots that came by a step, and two small records in two copies
// each: where the renewal stands, and what is held of roots and ports.
#ifndef STORE_H
#define STORE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbor.h"
#include "trust.h"

// The largest replacement a slot takes, with the digest that may follow it.
#define REPLACEMENT_MAX 1024
// A slot holds its own key if it has one, the request for its certificate if there was one, and the certificate, one after the
// other in DER: key and certificate take effect together, or not at all.
#define SLOT_SIZE 1536
_Static_assert(STEP_MAX <= SLOT_SIZE, "a step is read where a slot is");

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

// One slot or place at a time is read into this. Whoever has a key in it wipes it.
extern uint8_t store_bytes[SLOT_SIZE];

bool store_read_slot(uint8_t slot, uint8_t *into, size_t *size);

// Writes bytes at an offset of a slot, and has them on the medium before it returns. At offset 0 the slot is emptied first.
bool store_write_slot(uint8_t slot, uint32_t offset, const uint8_t *bytes, size_t size);

// Loads the newest valid copy. False, and a state that knows nothing, when neither is valid: on the first boot, or after damage.
bool store_load(struct state *state);

// Writes the state over the older copy: a cut leaves the newer one.
bool store_save(struct state *state);

// Reads the factory's root, or the step in a place, into store_bytes.
bool store_read_place(uint8_t place, size_t *size);

// Writes bytes of a step. At offset 0 the place is emptied first.
bool store_write_place(uint8_t place, uint32_t offset, const uint8_t *bytes, size_t size);

// The same for what is held of roots and ports. Whether its roots can be read is for the caller to find out.
bool store_load_trust(struct trust *trust);
bool store_save_trust(struct trust *trust);
#endif
