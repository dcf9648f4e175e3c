// A step: what one root says about its successor or about itself, as docs/protocol.md has its bytes. Says what is in them and whether a key
// signed it; who may say what is decided in trust.c.
#ifndef STEP_H
#define STEP_H
#include <mbedtls/pk.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbor.h"

// The largest step that is taken: roots and signatures of P-256 and P-384, and of RSA with 2048 bits, fit.
#define STEP_MAX 1536

enum step_kind { STEP_SUCCESSOR = 1, STEP_DROP = 2, STEP_WITHDRAW = 3 };

// Pointers lead into the bytes that it was read from.
struct step {
  enum step_kind kind;
  uint64_t sequence;
  const uint8_t *signer, *named; // SHA-256 of the DER of the root that signs, and of the one that it names
  const uint8_t *root;           // a successor's DER
  size_t root_size;
  const uint8_t *signature;
  size_t signature_size;
};

// The sequence in a step's id, which is `t` and up to 15 digits; 0 for another id.
uint64_t step_sequence(const char *renewal);

// The id of the step of this sequence.
void step_renewal(uint64_t sequence, char renewal[RENEWAL_MAX + 1]);

// False when the bytes are no step, whichever way. Of the root in it nothing is looked at.
bool step_split(struct step *step, const uint8_t *bytes, size_t size);

// The same, and false also when the root in it is none or not the one that it names. The signature of the signer is not verified.
bool step_read(struct step *step, const uint8_t *bytes, size_t size);

// The key signed the step's text.
bool step_verifies(const struct step *step, mbedtls_pk_context *key);
#endif
