// Takes a step apart and checks it. The text that is signed is hashed as it is written, and never held as a whole.
#include "step.h"

#include <mbedtls/md.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <string.h>

#include "credential.h"

#if MBEDTLS_VERSION_MAJOR < 3
#define MBEDTLS_PRIVATE(member) member
#endif

enum { VERSION = 0, KIND = 1, SEQUENCE = 2, SIGNER = 10, NAMED = 42, ROOT_SIZE = 74, ROOT = 76 };
#define SEQUENCE_MAX 999999999999999
#define DIGITS_MAX 15
#define SIGNATURE_MAX 1024

uint64_t step_sequence(const char *renewal) {
  size_t size = strlen(renewal);
  uint64_t sequence = 0;
  if (size < 2 || size > 1 + DIGITS_MAX || renewal[0] != 't' || renewal[1] == '0') return 0;
  for (const char *digit = renewal + 1; *digit; digit++) {
    if (*digit < '0' || *digit > '9') return 0;
    sequence = sequence * 10 + (uint64_t)(*digit - '0');
  }
  return sequence;
}

void step_renewal(uint64_t sequence, char renewal[RENEWAL_MAX + 1]) {
  snprintf(renewal, RENEWAL_MAX + 1, "t%llu", (unsigned long long)(sequence % (SEQUENCE_MAX + 1ULL)));
}

static bool is_signed_by_itself(mbedtls_x509_crt *root) {
  uint8_t digest[MBEDTLS_MD_MAX_SIZE];
  const mbedtls_md_type_t kind = root->MBEDTLS_PRIVATE(sig_md);
  const mbedtls_md_info_t *md = mbedtls_md_info_from_type(kind);
  const mbedtls_x509_buf *signature = &root->MBEDTLS_PRIVATE(sig);
  if (!md || mbedtls_md(md, root->tbs.p, root->tbs.len, digest) != 0) return false;
  return mbedtls_pk_verify_ext(root->MBEDTLS_PRIVATE(sig_pk), root->MBEDTLS_PRIVATE(sig_opts), &root->pk, kind, digest,
                               mbedtls_md_get_size(md), signature->p, signature->len) == 0;
}

// A CA below which others may follow, signed by itself. Its time is not judged.
static bool is_root(const uint8_t *der, size_t size) {
  mbedtls_x509_crt root;
  mbedtls_x509_crt_init(&root);
  // mbedTLS keeps the path length plus 1, and 0 for none.
  bool is = mbedtls_x509_crt_parse_der(&root, der, size) == 0 && root.raw.len == size && root.MBEDTLS_PRIVATE(ca_istrue) &&
            root.MBEDTLS_PRIVATE(max_pathlen) != 1 && mbedtls_x509_crt_check_key_usage(&root, MBEDTLS_X509_KU_KEY_CERT_SIGN) == 0 &&
            root.issuer_raw.len == root.subject_raw.len && memcmp(root.issuer_raw.p, root.subject_raw.p, root.issuer_raw.len) == 0 &&
            is_signed_by_itself(&root);
  mbedtls_x509_crt_free(&root);
  return is;
}

bool step_split(struct step *step, const uint8_t *bytes, size_t size) {
  if (size < ROOT || bytes[VERSION] != 1 || bytes[KIND] < STEP_SUCCESSOR || bytes[KIND] > STEP_WITHDRAW) return false;
  *step = (struct step){.kind = (enum step_kind)bytes[KIND], .signer = bytes + SIGNER, .named = bytes + NAMED, .root = bytes + ROOT};
  for (int i = 0; i < 8; i++) step->sequence = step->sequence << 8 | bytes[SEQUENCE + i];
  if (step->sequence < 1 || step->sequence > SEQUENCE_MAX) return false;
  step->root_size = (size_t)bytes[ROOT_SIZE] << 8 | bytes[ROOT_SIZE + 1];
  if (ROOT + step->root_size >= size) return false; // no signature
  step->signature = step->root + step->root_size;
  step->signature_size = size - ROOT - step->root_size;
  if (step->signature_size > SIGNATURE_MAX) return false;
  bool is_about_itself = memcmp(step->signer, step->named, SHA256_SIZE) == 0;
  return step->kind == STEP_SUCCESSOR ? !is_about_itself && step->root_size > 0 : is_about_itself && step->root_size == 0;
}

bool step_read(struct step *step, const uint8_t *bytes, size_t size) {
  uint8_t digest[SHA256_SIZE];
  if (!step_split(step, bytes, size)) return false;
  if (step->kind != STEP_SUCCESSOR) return true;
  if (!sha256(step->root, step->root_size, digest) || memcmp(digest, step->named, SHA256_SIZE) != 0) return false;
  return is_root(step->root, step->root_size);
}

static void add(mbedtls_md_context_t *hash, const char *text) { mbedtls_md_update(hash, (const uint8_t *)text, strlen(text)); }

static void add_hex(mbedtls_md_context_t *hash, const uint8_t bytes[SHA256_SIZE]) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < SHA256_SIZE; i++) {
    const char two[] = {digits[bytes[i] >> 4], digits[bytes[i] & 15], 0};
    add(hash, two);
  }
  add(hash, "\n");
}

bool step_verifies(const struct step *step, mbedtls_pk_context *key) {
  static const char *const kinds[] = {"", "successor\n", "drop\n", "withdraw\n"};
  uint8_t digest[SHA256_SIZE];
  char id[RENEWAL_MAX + 1];
  mbedtls_md_context_t hash;
  mbedtls_md_init(&hash);
  bool made = mbedtls_md_setup(&hash, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 0) == 0 && mbedtls_md_starts(&hash) == 0;
  if (made) {
    add(&hash, "nolapse trust 1\n");
    add(&hash, kinds[step->kind]);
    step_renewal(step->sequence, id);
    add(&hash, id + 1);
    add(&hash, "\n");
    add_hex(&hash, step->signer);
    add_hex(&hash, step->named);
    made = mbedtls_md_finish(&hash, digest) == 0;
  }
  mbedtls_md_free(&hash);
  return made && mbedtls_pk_verify(key, MBEDTLS_MD_SHA256, digest, sizeof digest, step->signature, step->signature_size) == 0;
}
