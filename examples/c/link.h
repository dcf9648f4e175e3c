// The connection: TCP of the port and mutual TLS by mbedTLS, one at a time.
#ifndef LINK_H
#define LINK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum link_result {
  LINK_OK,
  LINK_QUIET,    // nothing came within the time
  LINK_LOST,     // there is no way to the broker, or it broke: says nothing about our certificate
  LINK_REFUSED,  // an alert of TLS
  LINK_UNUSABLE, // the slot holds no credential
};

// Loads the root, once. False when it is missing or unreadable, or when there are no random numbers.
bool link_start(void);

// Connects to host and port with the credential in this slot. The server must prove that it is `host`.
enum link_result link_open(const char *host, const char *port, uint8_t slot);

enum link_result link_write(const uint8_t *bytes, size_t size);

// Reads exactly `size` bytes. With LINK_QUIET none of them were read; silence after the first is LINK_LOST.
enum link_result link_read(uint8_t *into, size_t size, uint32_t wait_ms);

void link_close(void);
#endif
