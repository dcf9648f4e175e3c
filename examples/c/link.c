// Mutual TLS over mbedTLS 2.28 or 3. It tells failures apart as far as they can be; what follows from one is decided elsewhere. Every
// step ends by a deadline, and the watchdog is fed while it waits.
#include "link.h"

#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>

#include "credential.h"
#include "port.h"
#include "roots.h"
#include "trace.h"

#define CONNECT_MS 10000
#ifndef HANDSHAKE_MS
#define HANDSHAKE_MS 30000
#endif
#ifndef TRANSFER_MS
#define TRANSFER_MS 10000 // the rest of a packet once it has begun; all of one that is sent
#endif
#define SLICE_MS 1000 // the longest wait without feeding the watchdog

static struct credential own;
static mbedtls_x509_crt roots; // a list
static struct attempt current;
static int verified_by; // which of them, from 0; -1 for none
static mbedtls_ssl_config config;
static mbedtls_ssl_context tls;
static uint64_t deadline;

bool link_start(void) { return credential_start(); }

uint16_t link_port(void) { return current.port; }

uint8_t link_root(void) { return current.roots[verified_by > 0 ? verified_by : 0]; }

// Milliseconds to wait now, at most a slice; 0 when the deadline has passed.
static uint32_t slice(void) {
  uint64_t now = port_now_ms();
  port_watchdog();
  if (now >= deadline) return 0;
  return deadline - now < SLICE_MS ? (uint32_t)(deadline - now) : SLICE_MS;
}

static int put(void *unused, const unsigned char *bytes, size_t size) {
  (void)unused;
  for (uint32_t wait; (wait = slice()) > 0;) {
    int sent = port_send(bytes, size, wait);
    if (sent != 0) return sent > 0 ? sent : MBEDTLS_ERR_SSL_CONN_EOF;
  }
  return MBEDTLS_ERR_SSL_TIMEOUT;
}

static int take(void *unused, unsigned char *into, size_t size) {
  (void)unused;
  for (uint32_t wait; (wait = slice()) > 0;) {
    int received = port_receive(into, size, wait);
    if (received != 0) return received > 0 ? received : MBEDTLS_ERR_SSL_CONN_EOF;
  }
  return MBEDTLS_ERR_SSL_TIMEOUT;
}

// mbedTLS shows each certificate of the chain that it has verified, the root first.
static int see(void *unused, mbedtls_x509_crt *certificate, int depth, uint32_t *flags) {
  (void)unused, (void)depth, (void)flags;
  int at = 0;
  for (const mbedtls_x509_crt *root = &roots; root; root = root->next, at++)
    if (root == certificate && verified_by < 0) verified_by = at;
  return 0;
}

static bool configure(const char *host) {
  const int kind = MBEDTLS_SSL_IS_CLIENT, transport = MBEDTLS_SSL_TRANSPORT_STREAM;
  if (mbedtls_ssl_config_defaults(&config, kind, transport, MBEDTLS_SSL_PRESET_DEFAULT) != 0) return false;
  mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&config, &roots, NULL);
  mbedtls_ssl_conf_verify(&config, see, NULL);
  mbedtls_ssl_conf_rng(&config, credential_random, credential_random_context());
  // Records of at most 4 KB: what a device would have buffers for that must take the server's whole chain in one record.
  if (mbedtls_ssl_conf_max_frag_len(&config, MBEDTLS_SSL_MAX_FRAG_LEN_4096) != 0) return false;
#if MBEDTLS_VERSION_MAJOR >= 3
  // Which mbedTLS 3 cannot do in TLS 1.3.
  mbedtls_ssl_conf_max_tls_version(&config, MBEDTLS_SSL_VERSION_TLS1_2);
#endif
  if (mbedtls_ssl_conf_own_cert(&config, &own.certificate, &own.key) != 0) return false;
  return mbedtls_ssl_setup(&tls, &config) == 0 && mbedtls_ssl_set_hostname(&tls, host) == 0;
}

static enum link_result meaning(int error) {
  say("mbedTLS says -0x%04x", (unsigned)-error);
  if (error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) return LINK_UNTRUSTED;
  return error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE ? LINK_REFUSED : LINK_LOST;
}

static bool again(int error) {
#if defined MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
  if (error == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) return true;
#endif
  return error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE;
}

enum link_result link_open(const char *host, uint8_t slot, const struct trust *trust, const struct attempt *attempt) {
  char port[6];
  mbedtls_ssl_init(&tls);
  mbedtls_ssl_config_init(&config);
  mbedtls_x509_crt_init(&roots);
  current = *attempt;
  verified_by = -1;
  if (!credential_load(&own, slot)) return LINK_UNUSABLE;
  for (uint8_t i = 0; i < attempt->count; i++)
    if (!roots_add(trust, attempt->roots[i], &roots)) return LINK_LOST;
  if (!configure(host)) return LINK_LOST;
  snprintf(port, sizeof port, "%u", (unsigned)attempt->port);
  port_watchdog();
  if (!port_connect(host, port, CONNECT_MS)) return LINK_LOST;
  mbedtls_ssl_set_bio(&tls, NULL, put, take, NULL);
  deadline = port_now_ms() + HANDSHAKE_MS;
  int error;
  do error = mbedtls_ssl_handshake(&tls);
  while (again(error));
  return error == 0 ? LINK_OK : meaning(error);
}

enum link_result link_write(const uint8_t *bytes, size_t size) {
  deadline = port_now_ms() + TRANSFER_MS;
  for (size_t done = 0; done < size;) {
    int sent = mbedtls_ssl_write(&tls, bytes + done, size - done);
    if (again(sent)) continue;
    if (sent < 0) return meaning(sent);
    done += (size_t)sent;
  }
  return LINK_OK;
}

enum link_result link_read(uint8_t *into, size_t size, uint32_t wait_ms) {
  deadline = port_now_ms() + wait_ms;
  for (size_t done = 0; done < size;) {
    int got = mbedtls_ssl_read(&tls, into + done, size - done);
    if (again(got)) continue;
    if (got == MBEDTLS_ERR_SSL_TIMEOUT && done == 0) return LINK_QUIET;
    if (got == 0) got = MBEDTLS_ERR_SSL_CONN_EOF;
    if (got < 0) return meaning(got);
    if (done == 0) deadline = port_now_ms() + TRANSFER_MS;
    done += (size_t)got;
  }
  return LINK_OK;
}

void link_close(void) {
  deadline = port_now_ms() + SLICE_MS;
  mbedtls_ssl_close_notify(&tls);
  port_disconnect();
  mbedtls_ssl_free(&tls);
  mbedtls_ssl_config_free(&config);
  mbedtls_x509_crt_free(&roots);
  credential_free(&own);
}
