// Carries out transitions of examples/c/trust.c, one a line, and prints what is held after each: for comparison with src/domain/trust-store.ts.
// A root is named by a number, of which its SHA-256 consists.
#include <stdio.h>
#include <string.h>

#include "trust.h"

static struct trust trust;

static void print_state(const char *answer) {
  printf("%s", answer);
  for (int i = 0; i < trust.count; i++) {
    const struct root *root = &trust.roots[i];
    printf(" %u%s:%llu:%llu", root->sha256[0], root->leaving ? "-" : "", (unsigned long long)root->sequence, (unsigned long long)root->brought_by);
  }
  printf(" ports");
  for (int i = 0; i < PORTS_MAX && trust.ports[i]; i++) printf(" %u", trust.ports[i]);
  printf(" announced %u committed %u/%u last %llu\n", trust.announced, trust.committed_port, trust.roots[trust.committed].sha256[0],
         (unsigned long long)trust.last_step);
}

static void take(int kind, unsigned long long sequence, int signer, int named, int verifies, int port) {
  uint8_t names[2][SHA256_SIZE];
  const char *code = NULL;
  memset(names[0], signer, SHA256_SIZE);
  memset(names[1], named, SHA256_SIZE);
  struct step step = {.kind = (enum step_kind)kind, .sequence = sequence, .signer = names[0], .named = names[1]};
  enum taken taken = trust_take(&trust, &step, verifies, (uint16_t)port, trust_free_place(&trust), &code);
  print_state(taken == TAKEN ? "taken" : taken == KNOWN ? "known" : code);
}

static void connack(int port, int root) {
  uint8_t name[SHA256_SIZE];
  memset(name, root, SHA256_SIZE);
  int held = trust_find(&trust, name);
  if (held >= 0) trust_after_connack(&trust, (uint16_t)port, (uint8_t)held);
  print_state("connected");
}

static void attempts(int trial, int configured) {
  struct attempt all[ATTEMPTS_MAX];
  size_t count = trust_attempts(&trust, (uint16_t)trial, (uint16_t)configured, all);
  printf("attempts");
  for (size_t i = 0; i < count; i++) {
    printf(" %u/", all[i].port);
    for (int at = 0; at < all[i].count; at++) printf("%s%u", at > 0 ? "," : "", trust.roots[all[i].roots[at]].sha256[0]);
  }
  printf("\n");
}

int main(void) {
  char line[128], word[16];
  unsigned long long sequence;
  int a, b, c, d, e;
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "new %d %d", &a, &b) == 2) {
      uint8_t name[SHA256_SIZE];
      memset(name, a, SHA256_SIZE);
      trust_new(&trust, name, (uint16_t)b);
      print_state("new");
    } else if (sscanf(line, "take %d %llu %d %d %d %d", &a, &sequence, &b, &c, &d, &e) == 6) take(a, sequence, b, c, d, e);
    else if (sscanf(line, "connack %d %d", &a, &b) == 2) connack(a, b);
    else if (sscanf(line, "attempts %d %d", &a, &b) == 2) attempts(a, b);
    else if (sscanf(line, "%15s", word) == 1) return 1;
  }
  return 0;
}
