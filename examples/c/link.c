// Mutual TLS over mbedTLS 2.28 or 3. It tells failures apart as far as they can be; what follows from one is decided elsewhere. Every
// step ends by a deadline, and the watchdog is fed while it waits.
#include "link.h"

#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include "credential.h"
#include "port.h"
#include "trace.h"

#define CONNECT_MS 10000
#ifndef HANDSHAKE_MS
#define HANDSHAKE_MS 30000
#endif
#ifndef TRANSFER_MS
#define TRANSFER_MS 10000 // the rest of a packet once it has begun; all of one that is sent
#endif
#define SLICE_MS 1000 // the longest wait without feeding the watchdog
#define CA_SIZE 1024

static struct credential own;
static mbedtls_x509_crt ca;
static mbedtls_ssl_config config;
static mbedtls_ssl_context tls;
static uint64_t deadline;
static uint8_t ca_der[CA_SIZE];

bool link_start(void) {
  size_t size;
  mbedtls_x509_crt_init(&ca);
  if (!credential_start() || !port_read(AREA_CA, ca_der, sizeof ca_der, &size)) return false;
  return mbedtls_x509_crt_parse_der_nocopy(&ca, ca_der, size) == 0;
}

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

static bool configure(const char *host) {
  const int kind = MBEDTLS_SSL_IS_CLIENT, transport = MBEDTLS_SSL_TRANSPORT_STREAM;
  if (mbedtls_ssl_config_defaults(&config, kind, transport, MBEDTLS_SSL_PRESET_DEFAULT) != 0) return false;
  mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&config, &ca, NULL);
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
  return error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE ? LINK_REFUSED : LINK_LOST;
}

static bool again(int error) {
#if defined MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
  if (error == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) return true;
#endif
  return error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE;
}

enum link_result link_open(const char *host, const char *port, uint8_t slot) {
  mbedtls_ssl_init(&tls);
  mbedtls_ssl_config_init(&config);
  if (!credential_load(&own, slot)) return LINK_UNUSABLE;
  if (!configure(host)) return LINK_LOST;
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
  credential_free(&own);
}
