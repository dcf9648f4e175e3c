// What the device holds of the broker's roots and ports, which steps it takes, and what it tries when it connects: docs/protocol.md,
// "Trust steps". Values alone: what was signed and what was connected to is found out elsewhere, and written elsewhere.
#ifndef TRUST_H
#define TRUST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbor.h"
#include "step.h"

// Roots that are kept. Each further one needs a place of its own in port.h.
#define ROOTS_MAX 2
// The one more is for what is being fetched.
#define PLACES (ROOTS_MAX + 1)
// The root from the factory lies in AREA_CA, which is only read.
#define PLACE_FACTORY PLACES
// Roots that TLS is given at once: 1 for a stack with one slot, which tries the next root in it and puts the old one back.
#ifndef ROOTS_TOGETHER
#define ROOTS_TOGETHER ROOTS_MAX
#endif
// Ports where a connection ended in CONNACK 0, the last one first.
#define PORTS_MAX 4

struct root {
  uint8_t place;       // where its DER lies
  bool leaving;        // given up: it says nothing more, and goes with the next CONNACK 0 under a root that stays
  uint64_t sequence;   // the highest of a step of its own that was taken; 0 for none
  uint64_t brought_by; // the sequence of the step that brought it; 0 for the factory's
  uint8_t sha256[SHA256_SIZE];
};

// Written as one: what is not of one moment does not belong together.
struct trust {
  uint32_t copy;                // counts the writes: the newest valid copy counts
  uint8_t count;                // of roots, never 0
  struct root roots[ROOTS_MAX]; // in the order in which they were accepted; at least one stays
  uint16_t ports[PORTS_MAX];    // 0 for none
  uint16_t announced;           // the port of the last successor, until a connection there ended in CONNACK 0; 0 for none
  bool untried;                 // it is to be tried, or the failure to be reported
  uint16_t committed_port;      // of the last connection that ended in CONNACK 0
  uint8_t committed;            // the root that verified it, which is never overwritten
  uint64_t last_step;           // the sequence of the last step that was taken; 0 for none
  uint8_t to_empty;             // 1 + the place of a root that withdrew itself and went; 0 for none. Not written
};

// What a device has that was never told of a step.
void trust_new(struct trust *trust, const uint8_t sha256[SHA256_SIZE], uint16_t port);

// The root with this SHA-256; -1 when it is not held.
int trust_find(const struct trust *trust, const uint8_t sha256[SHA256_SIZE]);

// The root that may speak: the newest that was accepted and not given up.
uint8_t trust_newest(const struct trust *trust);

// A place that holds no root: the one that was used longest ago.
uint8_t trust_free_place(const struct trust *trust);

// A step of this sequence was taken: it is acknowledged again, and not fetched.
bool trust_is_taken(const struct trust *trust, uint64_t sequence);

enum taken { TAKEN, KNOWN, NOT_TAKEN_IN };

// What comes of a step that was fetched into `place`, with the port of its announcement. `verifies`: its signature is by the root that it
// names, which is held. What is not TAKEN changes nothing; with NOT_TAKEN_IN, `code` says why, as in docs/protocol.md.
enum taken trust_take(struct trust *trust, const struct step *step, bool verifies, uint16_t port, uint8_t place, const char **code);

// After CONNACK 0 on a connection to `port` whose chain this root verified: commits both together, and roots that were given up go.
// True when anything is to be written.
bool trust_after_connack(struct trust *trust, uint16_t port, uint8_t root);

// Takes a root out that cannot be read any more: the step that brought it may be taken again. At least one other must be held.
void trust_lose(struct trust *trust, uint8_t root);

// One try to connect: a port, and the roots that TLS is given for it.
struct attempt {
  uint16_t port;
  uint8_t count, roots[ROOTS_MAX];
};

// Ports that may be known: those kept, the one tried, the committed, the announced and the configured one; and each with each root.
#define ATTEMPTS_MAX ((PORTS_MAX + 4) * ROOTS_MAX)

// What is tried in order until one ends in CONNACK 0: every root on every port, those that were given up last. `trial`: a port to be tried
// first, with the newest root alone; 0 for none. `configured` is tried last. @return how many there are
size_t trust_attempts(const struct trust *trust, uint16_t trial, uint16_t configured, struct attempt attempts[ATTEMPTS_MAX]);
#endif
