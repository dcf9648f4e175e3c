// A credential is a certificate with the key that it is over. Decides what lies in a slot and whether it can be used; makes new keys
// and requests. Key bytes stay in no buffer.
#ifndef CREDENTIAL_H
#define CREDENTIAL_H
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include "store.h"

struct credential {
  mbedtls_pk_context key;
  mbedtls_x509_crt certificate;
};

// Starts the generator of random numbers, once. False when there is none.
bool credential_start(void);

// The generator's function for mbedTLS, its second argument is credential_random_context().
int credential_random(void *context, unsigned char *into, size_t size);
void *credential_random_context(void);

// Loads what lies in a slot. False, and nothing to free, when it is not a whole certificate over the slot's key.
bool credential_load(struct credential *credential, uint8_t slot);
void credential_free(struct credential *credential);

bool credential_usable(uint8_t slot);

// Which of two usable slots holds the certificate that was issued later: what to try first when the state record is lost.
uint8_t credential_newest(void);

// What is wrong with the replacement in the other slot, or NULL.
const char *credential_fault(const struct state *state);

// Empties the other slot for a replacement over the key of the active one, which is copied if it lies there. Sets `prefix`.
bool credential_begin_same_key(struct state *state);

// Empties the other slot but for its key and request, of `prefix` bytes.
bool credential_begin_again(const struct state *state);

// Makes a new P-256 key and a request for it, and stores both in the other slot before it returns. Sets `prefix`.
bool credential_make_request(struct state *state, const char *device);

// A stretch of the request's DER, exactly as it was stored. @return its bytes, 0 when there is none
size_t credential_request(const struct state *state, uint32_t offset, uint8_t *into, size_t capacity, uint32_t *total);

bool sha256(const uint8_t *bytes, size_t size, uint8_t digest[SHA256_SIZE]);
#endif
