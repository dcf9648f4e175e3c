// The connection: TCP and mutual TLS by mbedTLS, one at a time, all of its memory static.
#ifndef LINK_H
#define LINK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum link_result {
  LINK_OK,
  LINK_QUIET,   // nothing came within the time
  LINK_NONE,    // there is no way to the gateway: says nothing about our certificate
  LINK_LOST,    // it broke
  LINK_REFUSED, // TLS said no, or the certificate cannot be used
};

// Loads key.der and ca.der, once. False when one is missing or unreadable.
bool link_start(void);

// Is this a certificate over the device's own key? What follows it within `size` bytes does not matter, here and below.
bool link_fits_key(const uint8_t *certificate, size_t size);

// Connects to host and port with this certificate, which must stay where it is until link_close. The server must prove that it
// is `host`.
enum link_result link_open(const char *host, const char *port, const uint8_t *certificate, size_t size);

enum link_result link_write(const uint8_t *bytes, size_t size);

// Reads exactly `size` bytes. With LINK_QUIET none of them were read; silence after the first is LINK_LOST.
enum link_result link_read(uint8_t *into, size_t size, uint32_t wait_ms);

void link_close(void);

bool sha256(const uint8_t *bytes, size_t size, uint8_t digest[32]);
#endif
