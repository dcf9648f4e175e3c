// Only the newest root that was accepted speaks, and a root goes only when a connection under one that stays ended in CONNACK 0.
#include "trust.h"

#include <string.h>

void trust_new(struct trust *trust, const uint8_t sha256[SHA256_SIZE], uint16_t port) {
  *trust = (struct trust){.count = 1, .ports = {port}, .committed_port = port, .copy = trust->copy};
  trust->roots[0].place = PLACE_FACTORY;
  memcpy(trust->roots[0].sha256, sha256, SHA256_SIZE);
}

int trust_find(const struct trust *trust, const uint8_t sha256[SHA256_SIZE]) {
  for (int i = 0; i < trust->count; i++)
    if (memcmp(trust->roots[i].sha256, sha256, SHA256_SIZE) == 0) return i;
  return -1;
}

uint8_t trust_newest(const struct trust *trust) {
  uint8_t newest = trust->count;
  while (newest > 1 && trust->roots[newest - 1].leaving) newest--;
  return (uint8_t)(newest - 1);
}

uint8_t trust_free_place(const struct trust *trust) {
  uint8_t last = trust->roots[trust->count - 1].place, place = last < PLACES ? last : PLACES - 1;
  for (uint8_t held = 1; held > 0;) { // there are more places than roots
    place = (uint8_t)((place + 1) % PLACES);
    held = 0;
    for (uint8_t i = 0; i < trust->count; i++) held = held || trust->roots[i].place == place;
  }
  return place;
}

bool trust_is_taken(const struct trust *trust, uint64_t sequence) {
  if (sequence == 0) return false;
  for (uint8_t i = 0; i < trust->count; i++)
    if (trust->roots[i].brought_by == sequence) return true;
  return sequence == trust->last_step;
}

static void remove_root(struct trust *trust, uint8_t root) {
  trust->count--;
  memmove(trust->roots + root, trust->roots + root + 1, (size_t)(trust->count - root) * sizeof *trust->roots);
  if (trust->committed == root) trust->committed = (uint8_t)(trust->count - 1);
  else if (trust->committed > root) trust->committed--;
}

void trust_lose(struct trust *trust, uint8_t root) {
  uint64_t by = trust->roots[root].brought_by;
  for (uint8_t i = 0; i < root; i++)
    if (by > 0 && trust->roots[i].sequence >= by) trust->roots[i].sequence = by - 1;
  if (trust->last_step == by) trust->last_step = 0;
  remove_root(trust, root);
}

// Once the last connection was under a root that stays, the others that were given up are not needed. @return whether one went
static bool settle(struct trust *trust) {
  uint8_t before = trust->count;
  if (trust->roots[trust->committed].leaving) return false;
  for (uint8_t i = trust->count; i-- > 0;) {
    if (!trust->roots[i].leaving) continue;
    // One that is newer than the one that stays was not dropped by that.
    if (i > trust->committed && trust->roots[i].place < PLACES) trust->to_empty = (uint8_t)(trust->roots[i].place + 1);
    remove_root(trust, i);
  }
  return trust->count < before;
}

static bool make_room(struct trust *trust, int signer) {
  if (trust->count < ROOTS_MAX) return true;
  for (uint8_t i = 0; i < trust->count; i++) {
    if (i == signer || i == trust->committed) continue;
    remove_root(trust, i);
    return true;
  }
  return false;
}

// A successor that is held, and was accepted after the root that names it.
static bool is_held_after(const struct trust *trust, const struct step *step) {
  int named = trust_find(trust, step->named);
  return named > trust_find(trust, step->signer) && !trust->roots[named].leaving;
}

static const char *objection(const struct trust *trust, const struct step *step, bool verifies) {
  int signer = trust_find(trust, step->signer);
  if (signer < 0) return "unknown_signer";
  if (!verifies) return "bad_signature";
  if (signer != trust_newest(trust)) return "older_root";
  return step->sequence > trust->roots[signer].sequence ? NULL : "old_sequence";
}

static const char *take_successor(struct trust *trust, const struct step *step, uint16_t port, uint8_t place) {
  if (trust_find(trust, step->named) >= 0) return "already_held";
  if (!make_room(trust, trust_find(trust, step->signer))) return "no_slot";
  struct root *next = &trust->roots[trust->count++];
  *next = (struct root){.place = place, .brought_by = step->sequence};
  memcpy(next->sha256, step->named, SHA256_SIZE);
  trust->announced = port;
  trust->untried = true;
  return NULL;
}

static const char *take_withdrawal(struct trust *trust, int signer) {
  bool other_stays = false;
  for (int i = 0; i < trust->count; i++) other_stays = other_stays || (i != signer && !trust->roots[i].leaving);
  if (!other_stays) return "last_root";
  trust->roots[signer].leaving = true;
  trust->untried = false; // its port need not be tried any more
  return NULL;
}

enum taken trust_take(struct trust *trust, const struct step *step, bool verifies, uint16_t port, uint8_t place, const char **code) {
  if (step->kind == STEP_SUCCESSOR && is_held_after(trust, step)) return KNOWN;
  *code = objection(trust, step, verifies);
  if (*code && strcmp(*code, "old_sequence") == 0 && step->sequence == trust->last_step) return KNOWN;
  if (*code) return NOT_TAKEN_IN;
  struct trust after = *trust;
  int signer = trust_find(&after, step->signer);
  after.roots[signer].sequence = after.last_step = step->sequence;
  if (step->kind == STEP_SUCCESSOR) *code = take_successor(&after, step, port, place);
  else if (step->kind == STEP_WITHDRAW) *code = take_withdrawal(&after, signer);
  else
    for (int i = 0; i < after.count; i++) after.roots[i].leaving = i != signer;
  if (*code) return NOT_TAKEN_IN;
  settle(&after);
  *trust = after;
  return TAKEN;
}

static void put_first(uint16_t ports[PORTS_MAX], uint16_t port) {
  int at = 0;
  while (at < PORTS_MAX - 1 && ports[at] != port && ports[at] != 0) at++;
  memmove(ports + 1, ports, (size_t)at * sizeof *ports);
  ports[0] = port;
}

bool trust_after_connack(struct trust *trust, uint16_t port, uint8_t root) {
  bool is_tried = trust->announced == port;
  bool changed = is_tried || trust->committed_port != port || trust->committed != root || trust->ports[0] != port;
  trust->committed_port = port;
  trust->committed = root;
  put_first(trust->ports, port);
  if (is_tried) trust->announced = 0, trust->untried = false;
  return settle(trust) || changed;
}

static size_t add_port(uint16_t *ports, size_t count, uint16_t port) {
  for (size_t i = 0; i < count; i++)
    if (ports[i] == port) return count;
  if (port != 0) ports[count++] = port;
  return count;
}

// The roots of this round in the order in which they are tried on this port. @return how many
static size_t in_order(const struct trust *trust, bool leaving, bool committed_first, uint8_t roots[ROOTS_MAX]) {
  size_t count = 0;
  if (committed_first && trust->roots[trust->committed].leaving == leaving) roots[count++] = trust->committed;
  for (uint8_t i = trust->count; i-- > 0;)
    if (trust->roots[i].leaving == leaving && !(count > 0 && committed_first && i == trust->committed)) roots[count++] = i;
  return count;
}

size_t trust_attempts(const struct trust *trust, uint16_t trial, uint16_t configured, struct attempt attempts[ATTEMPTS_MAX]) {
  uint16_t ports[PORTS_MAX + 4];
  size_t known = add_port(ports, 0, trial), count = 0;
  known = add_port(ports, known, trust->committed_port);
  for (size_t i = 0; i < PORTS_MAX; i++) known = add_port(ports, known, trust->ports[i]);
  known = add_port(ports, known, trust->announced);
  known = add_port(ports, known, configured);
  for (int leaving = 0; leaving < 2; leaving++)
    for (size_t p = 0; p < known; p++) {
      uint8_t roots[ROOTS_MAX];
      size_t held = in_order(trust, leaving, ports[p] == trust->committed_port && ports[p] != trial, roots);
      for (size_t at = 0; at < held;) {
        struct attempt *attempt = &attempts[count++];
        // Alone on a trial, so that it is known which root verified the broker there.
        size_t most = at == 0 && ports[p] == trial ? 1 : ROOTS_TOGETHER;
        *attempt = (struct attempt){.port = ports[p]};
        while (at < held && attempt->count < most) attempt->roots[attempt->count++] = roots[at++];
      }
    }
  return count;
}
