// Checks the step of a root as a small device does: STEP is read into 600 bytes, and the signed text is never held as a whole.
// trust-step ROOT.der < STEP: prints the kind and the bytes of the next root, or fails and says why.
#include <mbedtls/md.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <string.h>

enum { VERSION, KIND, SEQUENCE, SIGNER = 10, NAMED = 42, LENGTH = 74, ROOT = 76, DIGEST = 32, BYTES_MAX = 600 };

static int fail(const char *why) {
  fprintf(stderr, "%s\n", why);
  return 1;
}

static void sha256(const unsigned char *from, size_t size, unsigned char digest[DIGEST]) {
  mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), from, size, digest);
}

static void add(mbedtls_md_context_t *hash, const char *text) {
  mbedtls_md_update(hash, (const unsigned char *)text, strlen(text));
}

static void add_hex(mbedtls_md_context_t *hash, const unsigned char *bytes) {
  char two[3];
  for (int i = 0; i < DIGEST; i++) {
    snprintf(two, sizeof two, "%02x", bytes[i]);
    add(hash, two);
  }
  add(hash, "\n");
}

static void add_decimal(mbedtls_md_context_t *hash, const unsigned char *big_endian) {
  unsigned long long number = 0;
  char digits[24];
  for (int i = 0; i < 8; i++) number = number << 8 | big_endian[i];
  snprintf(digits, sizeof digits, "%llu\n", number);
  add(hash, digits);
}

int main(int count, char **words) {
  static const char *const kinds[] = {"successor", "drop", "withdraw"};
  static unsigned char step[BYTES_MAX + 1], der[4096];
  size_t size = fread(step, 1, sizeof step, stdin);
  FILE *file = count == 2 ? fopen(words[1], "rb") : NULL;
  if (!file) return fail("usage: trust-step ROOT.der < STEP");
  size_t der_size = fread(der, 1, sizeof der, file);
  fclose(file);

  if (size > BYTES_MAX || size < ROOT || step[VERSION] != 1 || step[KIND] < 1 || step[KIND] > 3) return fail("malformed_step");
  size_t root_size = (size_t)step[LENGTH] << 8 | step[LENGTH + 1];
  if (ROOT + root_size >= size || (step[KIND] == 1) != (root_size > 0)) return fail("malformed_step");

  unsigned char digest[DIGEST];
  sha256(der, der_size, digest);
  if (memcmp(digest, step + SIGNER, DIGEST) != 0) return fail("unknown_signer");
  if (step[KIND] == 1) sha256(step + ROOT, root_size, digest);
  if (memcmp(digest, step + NAMED, DIGEST) != 0) return fail("malformed_step");

  mbedtls_md_context_t hash;
  mbedtls_md_init(&hash);
  mbedtls_md_setup(&hash, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 0);
  mbedtls_md_starts(&hash);
  add(&hash, "nolapse trust 1\n");
  add(&hash, kinds[step[KIND] - 1]);
  add(&hash, "\n");
  add_decimal(&hash, step + SEQUENCE);
  add_hex(&hash, step + SIGNER);
  add_hex(&hash, step + NAMED);
  mbedtls_md_finish(&hash, digest);
  mbedtls_md_free(&hash);

  mbedtls_x509_crt root;
  mbedtls_x509_crt_init(&root);
  int result = mbedtls_x509_crt_parse_der(&root, der, der_size);
  if (result == 0) {
    const unsigned char *signature = step + ROOT + root_size;
    result = mbedtls_pk_verify(&root.pk, MBEDTLS_MD_SHA256, digest, DIGEST, signature, size - ROOT - root_size);
  }
  mbedtls_x509_crt_free(&root);
  if (result != 0) return fail("bad_signature");
  printf("%s %zu\n", kinds[step[KIND] - 1], root_size);
  return 0;
}
