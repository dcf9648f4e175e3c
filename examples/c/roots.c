// A place holds the step that brought a root, whole: so what was fetched and checked need not be written again.
#include "roots.h"

#include <string.h>

#include "credential.h"
#include "store.h"
#include "trace.h"

// The DER of a root, in store_bytes. NULL when there is none.
static const uint8_t *read_der(uint8_t place, size_t *size) {
  struct step step;
  if (!store_read_place(place, size)) return NULL;
  if (place == PLACE_FACTORY) return store_bytes;
  if (!step_split(&step, store_bytes, *size) || step.kind != STEP_SUCCESSOR) return NULL;
  *size = step.root_size;
  return step.root;
}

bool roots_add(const struct trust *trust, uint8_t root, mbedtls_x509_crt *list) {
  size_t size;
  const uint8_t *der = read_der(trust->roots[root].place, &size);
  return der && mbedtls_x509_crt_parse_der(list, der, size) == 0;
}

static bool digest_of(uint8_t place, uint8_t digest[SHA256_SIZE]) {
  size_t size;
  const uint8_t *der = read_der(place, &size);
  return der && sha256(der, size, digest);
}

static bool is_as_accepted(const struct root *root) {
  uint8_t digest[SHA256_SIZE];
  return digest_of(root->place, digest) && memcmp(digest, root->sha256, sizeof digest) == 0;
}

static void say_what_is_held(const struct trust *trust) {
  for (uint8_t i = 0; i < trust->count; i++) {
    const uint8_t *id = trust->roots[i].sha256;
    say("root %02x%02x%02x%02x%s", id[0], id[1], id[2], id[3], trust->roots[i].leaving ? ", given up" : "");
  }
}

// Both copies of the record are lost. What a root said once is still in its place, and leads from the factory's root to the newest: the last
// two of them are held, for what the broker shows is under one of them.
static void recover(struct trust *trust, uint16_t port) {
  struct step step;
  const char *code;
  bool verifies;
  for (int steps = 0; steps < PLACES; steps++) {
    uint64_t highest = 0;
    uint8_t found = 0;
    for (uint8_t place = 0; place < PLACES; place++) {
      if (!roots_check(trust, place, &step, &verifies) || !verifies || step.kind != STEP_SUCCESSOR) continue;
      if (trust_find(trust, step.signer) != trust_newest(trust) || step.sequence <= highest) continue;
      highest = step.sequence;
      found = place;
    }
    if (highest == 0 || !roots_check(trust, found, &step, &verifies)) break;
    trust->committed = trust_newest(trust); // so that the oldest makes room
    if (trust_take(trust, &step, verifies, port, found, &code) != TAKEN) break;
  }
  trust->announced = 0;
  trust->untried = false;
}

bool roots_load(struct trust *trust, uint16_t port) {
  uint8_t factory[SHA256_SIZE];
  bool kept = store_load_trust(trust);
  for (uint8_t i = trust->count; kept && i-- > 0;) {
    if (is_as_accepted(&trust->roots[i])) continue;
    say("a root is damaged");
    if (trust->count == 1) kept = false;
    else trust_lose(trust, i);
  }
  if (!kept) {
    if (!digest_of(PLACE_FACTORY, factory)) return false;
    trust_new(trust, factory, port);
    recover(trust, port);
    if (trust->count == 1) return true;
    say("the record of roots is lost, and found again in the steps");
    if (!roots_save(trust)) return false;
  }
  say_what_is_held(trust);
  return true;
}

bool roots_save(struct trust *trust) {
  if (!store_save_trust(trust)) {
    say("the record of roots cannot be saved");
    return false;
  }
  // A root that withdrew itself is not to be found again, should the record be lost.
  if (trust->to_empty > 0) store_write_place((uint8_t)(trust->to_empty - 1), 0, store_bytes, 0);
  trust->to_empty = 0;
  return true;
}

bool roots_check(const struct trust *trust, uint8_t place, struct step *step, bool *verifies) {
  mbedtls_x509_crt signer;
  size_t size;
  if (!store_read_place(place, &size) || !step_read(step, store_bytes, size)) return false;
  int held = trust_find(trust, step->signer);
  *verifies = false;
  if (held < 0) return true;
  mbedtls_x509_crt_init(&signer);
  // Its key takes the place of the step in store_bytes.
  bool read = roots_add(trust, (uint8_t)held, &signer);
  bool again = store_read_place(place, &size) && step_split(step, store_bytes, size);
  *verifies = read && again && step_verifies(step, &signer.pk);
  mbedtls_x509_crt_free(&signer);
  return again;
}
