// The roots themselves: where their DER lies, and what is read out of it for TLS and for the signatures of steps.
#ifndef ROOTS_H
#define ROOTS_H
#include <mbedtls/x509_crt.h>

#include "trust.h"

// Loads what is held, or what the device left the factory with, whose broker is at this port. A root that cannot be read as it was accepted
// is held no more. False when there is none.
bool roots_load(struct trust *trust, uint16_t port);

// Writes what is held. False, and a line that says so, when that cannot be done.
bool roots_save(struct trust *trust);

// Adds a root that is held to a list for TLS.
bool roots_add(const struct trust *trust, uint8_t root, mbedtls_x509_crt *list);

// Reads the step in a place and checks it. False when it is none; else `step` leads into store_bytes, and `verifies` says whether its
// signature is by the root that it names, which is held.
bool roots_check(const struct trust *trust, uint8_t place, struct step *step, bool *verifies);
#endif
