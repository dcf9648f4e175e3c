// Mutual TLS over mbedTLS 2.28 or 3. It tells failures apart as far as they can be; what follows from one is decided elsewhere.
#include "link.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/md.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <unistd.h>

#include "store.h"
#include "trace.h"

#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#define RANDOM , mbedtls_ctr_drbg_random, &drbg
#else
#define RANDOM
#endif

#define READ_TIMEOUT_MS 10000
#define KEY_SIZE 256
#define CA_SIZE 1024

static mbedtls_ctr_drbg_context drbg;
static mbedtls_pk_context key;
static mbedtls_x509_crt ca, own, another;
static mbedtls_ssl_config config;
static mbedtls_ssl_context tls;
static mbedtls_net_context net;
static uint8_t ca_der[CA_SIZE];

// The system's randomness, a device's own generator. mbedTLS's collector of entropy would take 40 KB more in Debian's build.
static int entropy(void *unused, uint8_t *into, size_t size) {
  (void)unused;
  return getentropy(into, size);
}

static bool load_key(void) {
  uint8_t der[KEY_SIZE];
  size_t size;
  return store_read("key.der", der, sizeof der, &size) && mbedtls_pk_parse_key(&key, der, size, NULL, 0 RANDOM) == 0;
}

static bool load_ca(void) {
  size_t size;
  return store_read("ca.der", ca_der, sizeof ca_der, &size) && mbedtls_x509_crt_parse_der_nocopy(&ca, ca_der, size) == 0;
}

bool link_start(void) {
  mbedtls_ctr_drbg_init(&drbg);
  mbedtls_pk_init(&key);
  mbedtls_x509_crt_init(&ca);
#if MBEDTLS_VERSION_MAJOR >= 3
  if (psa_crypto_init() != PSA_SUCCESS) return false;
#endif
  if (mbedtls_ctr_drbg_seed(&drbg, entropy, NULL, NULL, 0) != 0) return false;
  return load_key() && load_ca();
}

// A digest may follow a certificate in its slot: DER says itself where it ends.
static bool parse(mbedtls_x509_crt *into, const uint8_t *der, size_t size) {
  mbedtls_x509_crt_init(into);
  if (size < 4 || der[0] != 0x30 || der[1] != 0x82) return false;
  size_t whole = 4 + ((size_t)der[2] << 8 | der[3]);
  return whole <= size && mbedtls_x509_crt_parse_der_nocopy(into, der, whole) == 0;
}

bool link_fits_key(const uint8_t *certificate, size_t size) {
  bool fits = parse(&another, certificate, size) && mbedtls_pk_check_pair(&another.pk, &key RANDOM) == 0;
  mbedtls_x509_crt_free(&another);
  return fits;
}

static bool configure(const char *host) {
  mbedtls_ssl_init(&tls);
  mbedtls_ssl_config_init(&config);
  mbedtls_net_init(&net);
  const int kind = MBEDTLS_SSL_IS_CLIENT, transport = MBEDTLS_SSL_TRANSPORT_STREAM;
  if (mbedtls_ssl_config_defaults(&config, kind, transport, MBEDTLS_SSL_PRESET_DEFAULT) != 0) return false;
  mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&config, &ca, NULL);
  mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &drbg);
  mbedtls_ssl_conf_read_timeout(&config, READ_TIMEOUT_MS);
  // Records of at most 4 KB: what a device would have buffers for that must take the server's whole chain in one record.
  if (mbedtls_ssl_conf_max_frag_len(&config, MBEDTLS_SSL_MAX_FRAG_LEN_4096) != 0) return false;
#if MBEDTLS_VERSION_MAJOR >= 3
  // Which mbedTLS 3 cannot do in TLS 1.3.
  mbedtls_ssl_conf_max_tls_version(&config, MBEDTLS_SSL_VERSION_TLS1_2);
#endif
  if (mbedtls_ssl_conf_own_cert(&config, &own, &key) != 0) return false;
  return mbedtls_ssl_setup(&tls, &config) == 0 && mbedtls_ssl_set_hostname(&tls, host) == 0;
}

// An alert is a refusal; what the network did may be one or not.
static enum link_result meaning(int error) {
  if (error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) return LINK_REFUSED;
  say("mbedTLS says -0x%04x", (unsigned)-error);
  return LINK_LOST;
}

enum link_result link_open(const char *host, const char *port, const uint8_t *certificate, size_t size) {
  bool usable = parse(&own, certificate, size);
  if (!configure(host)) return LINK_NONE;
  if (!usable) return LINK_REFUSED;
  if (mbedtls_net_connect(&net, host, port, MBEDTLS_NET_PROTO_TCP) != 0) return LINK_NONE;
  int error;
  mbedtls_ssl_set_bio(&tls, &net, mbedtls_net_send, NULL, mbedtls_net_recv_timeout);
  do error = mbedtls_ssl_handshake(&tls);
  while (error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE);
  if (error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) return LINK_NONE; // somebody else than the gateway
  return error == 0 ? LINK_OK : meaning(error);
}

enum link_result link_write(const uint8_t *bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    int put = mbedtls_ssl_write(&tls, bytes + done, size - done);
    if (put == MBEDTLS_ERR_SSL_WANT_READ || put == MBEDTLS_ERR_SSL_WANT_WRITE) continue;
    if (put < 0) return meaning(put);
    done += (size_t)put;
  }
  return LINK_OK;
}

static bool again(int error) {
#if defined MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
  if (error == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) return true;
#endif
  return error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE;
}

enum link_result link_read(uint8_t *into, size_t size, uint32_t wait_ms) {
  for (size_t done = 0; done < size;) {
    // 0 would mean without end.
    mbedtls_ssl_conf_read_timeout(&config, done > 0 ? READ_TIMEOUT_MS : wait_ms > 0 ? wait_ms : 1);
    int got = mbedtls_ssl_read(&tls, into + done, size - done);
    if (again(got)) continue;
    if (got == MBEDTLS_ERR_SSL_TIMEOUT && done == 0) return LINK_QUIET;
    if (got == 0) got = MBEDTLS_ERR_SSL_CONN_EOF;
    if (got < 0) return meaning(got);
    done += (size_t)got;
  }
  return LINK_OK;
}

void link_close(void) {
  mbedtls_ssl_close_notify(&tls);
  mbedtls_net_free(&net);
  mbedtls_ssl_free(&tls);
  mbedtls_ssl_config_free(&config);
  mbedtls_x509_crt_free(&own);
}

bool sha256(const uint8_t *bytes, size_t size, uint8_t digest[32]) {
  return mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), bytes, size, digest) == 0;
}
