// Takes slots apart. DER says itself where an element ends, so that a slot needs no table: its key if it has one, the request if there
// was one, the certificate.
#include "credential.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_csr.h>
#include <stdio.h>
#include <string.h>

#include "port.h"

#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#define RANDOM , mbedtls_ctr_drbg_random, &drbg
#else
#define RANDOM
#endif

#define KEY_SIZE 256
#define SUBJECT_SIZE (3 + 64 + 1)

static mbedtls_ctr_drbg_context drbg;
static void wipe(void) { mbedtls_platform_zeroize(store_bytes, sizeof store_bytes); }

// The device's own generator. mbedTLS's collector of entropy would take 40 KB more in Debian's build.
static int entropy(void *unused, uint8_t *into, size_t size) {
  (void)unused;
  return port_random(into, size) ? 0 : MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
}

bool credential_start(void) {
  mbedtls_ctr_drbg_init(&drbg);
#if MBEDTLS_VERSION_MAJOR >= 3
  if (psa_crypto_init() != PSA_SUCCESS) return false;
#endif
  return mbedtls_ctr_drbg_seed(&drbg, entropy, NULL, NULL, 0) == 0;
}

int credential_random(void *context, unsigned char *into, size_t size) { return mbedtls_ctr_drbg_random(context, into, size); }

void *credential_random_context(void) { return &drbg; }

// The bytes of the DER sequence that begins here, with its head; 0 when it is not whole.
static size_t sequence(const uint8_t *at, size_t left) {
  if (left < 2 || at[0] != 0x30) return 0;
  size_t more = at[1] == 0x81 ? 1 : at[1] == 0x82 ? 2 : 0, size = at[1];
  if (at[1] > 0x82 || at[1] == 0x80 || left < 2 + more) return 0;
  if (more > 0) size = 0;
  for (size_t i = 0; i < more; i++) size = size << 8 | at[2 + i];
  return 2 + more + size <= left ? 2 + more + size : 0;
}

// Reads the key at the beginning of `store_bytes`. @return its size, 0 when none is there and `key` is still empty
static size_t own_key(mbedtls_pk_context *key, size_t size) {
  size_t first = sequence(store_bytes, size);
  if (first == 0 || first > KEY_SIZE) return 0;
  if (mbedtls_pk_parse_key(key, store_bytes, first, NULL, 0 RANDOM) == 0) return first;
  mbedtls_pk_free(key);
  mbedtls_pk_init(key);
  return 0;
}

static bool factory_key(mbedtls_pk_context *key) {
  uint8_t der[KEY_SIZE];
  size_t size;
  bool loaded = port_read(AREA_KEY, der, sizeof der, &size) && mbedtls_pk_parse_key(key, der, size, NULL, 0 RANDOM) == 0;
  mbedtls_platform_zeroize(der, sizeof der);
  return loaded;
}

// The certificate over this key among what follows it in `store_bytes`: a request may come before it, a digest after it.
static bool find_certificate(struct credential *into, size_t at, size_t size) {
  for (size_t element; (element = sequence(store_bytes + at, size - at)) > 0; at += element) {
    if (mbedtls_x509_crt_parse_der(&into->certificate, store_bytes + at, element) == 0)
      return mbedtls_pk_check_pair(&into->certificate.pk, &into->key RANDOM) == 0;
    mbedtls_x509_crt_free(&into->certificate);
    mbedtls_x509_crt_init(&into->certificate);
  }
  return false;
}

bool credential_load(struct credential *credential, uint8_t slot) {
  size_t size;
  mbedtls_pk_init(&credential->key);
  mbedtls_x509_crt_init(&credential->certificate);
  bool loaded = false;
  if (store_read_slot(slot, store_bytes, &size)) {
    size_t key = own_key(&credential->key, size);
    loaded = (key > 0 || factory_key(&credential->key)) && find_certificate(credential, key, size);
  }
  wipe();
  if (!loaded) credential_free(credential);
  return loaded;
}

void credential_free(struct credential *credential) {
  mbedtls_pk_free(&credential->key);
  mbedtls_x509_crt_free(&credential->certificate);
}

bool credential_usable(uint8_t slot) {
  struct credential credential;
  if (!credential_load(&credential, slot)) return false;
  credential_free(&credential);
  return true;
}

static bool is_later(const mbedtls_x509_time *one, const mbedtls_x509_time *other) {
  const int ones[] = {one->year, one->mon, one->day, one->hour, one->min, one->sec};
  const int others[] = {other->year, other->mon, other->day, other->hour, other->min, other->sec};
  for (int i = 0; i < 6; i++)
    if (ones[i] != others[i]) return ones[i] > others[i];
  return false;
}

uint8_t credential_newest(void) {
  struct credential credential;
  mbedtls_x509_time from = {0};
  bool first = credential_load(&credential, 0);
  if (first) {
    from = credential.certificate.valid_from;
    credential_free(&credential);
  }
  if (!credential_load(&credential, 1)) return 0;
  uint8_t newest = !first || is_later(&credential.certificate.valid_from, &from) ? 1 : 0;
  credential_free(&credential);
  return newest;
}

const char *credential_fault(const struct state *state) {
  uint8_t digest[SHA256_SIZE];
  size_t size, total = state->size + (state->has_sha256 ? 0 : SHA256_SIZE);
  const uint8_t *replacement = store_bytes + state->prefix;
  const uint8_t *expected = state->has_sha256 ? state->sha256 : replacement + state->size;
  const char *fault = NULL;
  if (!store_read_slot(!state->active, store_bytes, &size) || size != state->prefix + total) fault = "not_stored";
  else if (!sha256(replacement, state->size, digest) || memcmp(digest, expected, sizeof digest) != 0) fault = "sha256_mismatch";
  wipe();
  if (fault) return fault;
  return credential_usable(!state->active) ? NULL : "not_over_our_key";
}

bool credential_begin_same_key(struct state *state) {
  mbedtls_pk_context key;
  size_t size, own = 0;
  mbedtls_pk_init(&key);
  if (store_read_slot(state->active, store_bytes, &size)) own = own_key(&key, size);
  mbedtls_pk_free(&key);
  state->prefix = (uint32_t)own;
  bool begun = store_write_slot(!state->active, 0, store_bytes, own);
  wipe();
  return begun;
}

bool credential_begin_again(const struct state *state) {
  size_t size;
  if (!store_read_slot(!state->active, store_bytes, &size) || size < state->prefix) size = 0;
  bool begun = size >= state->prefix && (size == state->prefix || store_write_slot(!state->active, 0, store_bytes, state->prefix));
  wipe();
  return begun;
}

// mbedTLS writes DER to the end of a buffer: this moves it to the beginning.
static size_t to_front(uint8_t *at, size_t capacity, int written) {
  if (written <= 0) return 0;
  memmove(at, at + capacity - (size_t)written, (size_t)written);
  return (size_t)written;
}

static size_t write_request(mbedtls_pk_context *key, const char *device, uint8_t *at, size_t capacity) {
  mbedtls_x509write_csr request;
  char subject[SUBJECT_SIZE];
  int size = snprintf(subject, sizeof subject, "CN=%s", device), written = 0;
  if (size < 0 || (size_t)size >= sizeof subject) return 0;
  mbedtls_x509write_csr_init(&request);
  mbedtls_x509write_csr_set_md_alg(&request, MBEDTLS_MD_SHA256);
  mbedtls_x509write_csr_set_key(&request, key);
  if (mbedtls_x509write_csr_set_subject_name(&request, subject) == 0)
    written = mbedtls_x509write_csr_der(&request, at, capacity, mbedtls_ctr_drbg_random, &drbg);
  mbedtls_x509write_csr_free(&request);
  return to_front(at, capacity, written);
}

bool credential_make_request(struct state *state, const char *device) {
  mbedtls_pk_context key;
  size_t own = 0, request = 0;
  const size_t capacity = SLOT_SIZE - REPLACEMENT_MAX;
  mbedtls_pk_init(&key);
  port_watchdog();
  if (mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) == 0 &&
      mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), mbedtls_ctr_drbg_random, &drbg) == 0)
    own = to_front(store_bytes, KEY_SIZE, mbedtls_pk_write_key_der(&key, store_bytes, KEY_SIZE));
  port_watchdog();
  if (own > 0) request = write_request(&key, device, store_bytes + own, capacity - own);
  mbedtls_pk_free(&key);
  bool stored = request > 0 && store_write_slot(!state->active, 0, store_bytes, own + request);
  wipe();
  state->prefix = (uint32_t)(own + request);
  return stored;
}

size_t credential_request(const struct state *state, uint32_t offset, uint8_t *into, size_t capacity, uint32_t *total) {
  size_t size, taken = 0;
  if (store_read_slot(!state->active, store_bytes, &size) && size >= state->prefix) {
    size_t own = sequence(store_bytes, size);
    *total = own < state->prefix ? state->prefix - (uint32_t)own : 0;
    if (own > 0 && offset < *total) {
      taken = *total - offset < capacity ? *total - offset : capacity;
      memcpy(into, store_bytes + own + offset, taken);
    }
  }
  wipe();
  return taken;
}

bool sha256(const uint8_t *from, size_t size, uint8_t digest[SHA256_SIZE]) {
  return mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), from, size, digest) == 0;
}
