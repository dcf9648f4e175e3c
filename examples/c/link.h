// The connection: TCP of the port and mutual TLS by mbedTLS, one at a time.
#ifndef LINK_H
#define LINK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trust.h"

enum link_result {
  LINK_OK,
  LINK_QUIET,    // nothing came within the time
  LINK_LOST,     // there is no way to the broker, or it broke: says nothing about our certificate
  LINK_REFUSED,  // an alert of TLS
  LINK_UNTRUSTED, // none of the roots verifies the broker, or it has another name
  LINK_UNUSABLE, // the slot holds no credential
};

// Once. False when there are no random numbers.
bool link_start(void);

// Connects to the attempt's port with the credential in this slot. The server must prove by one of the attempt's roots that it is `host`.
// Whatever comes of it, link_close ends it.
enum link_result link_open(const char *host, uint8_t slot, const struct trust *trust, const struct attempt *attempt);

// The port of the connection, and the root that verified the broker.
uint16_t link_port(void);
uint8_t link_root(void);

enum link_result link_write(const uint8_t *bytes, size_t size);

// Reads exactly `size` bytes. With LINK_QUIET none of them were read; silence after the first is LINK_LOST.
enum link_result link_read(uint8_t *into, size_t size, uint32_t wait_ms);

void link_close(void);
#endif
