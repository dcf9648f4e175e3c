// One renewal of the device's certificate, over as many connections as it needs. Whatever happens, a credential that was admitted
// stays in its slot until the broker has seen another one in use.
#ifndef RENEWAL_H
#define RENEWAL_H
#include <stdint.h>

struct options {
  const char *host, *device;
  uint16_t port;     // where the broker is found that the device was made for
  uint32_t announce; // the largest packet we say we can take
  uint32_t stretch;  // bytes asked for at once; 0 is all that is missing
  uint32_t wait_s;   // for the next message that moves the renewal on
  uint32_t answer_s; // for CONNACK, PUBACK, SUBACK and answers; after it, what has no answer is said again
  uint32_t linger_ms; // for a step of a root, once nothing is owed
  uint32_t tries;    // connections in a row that may break or hear nothing before we end
  uint32_t first_ms; // the wait after the first of them
};

// Exit codes of the program.
enum outcome {
  RENEWED = 0,       // the broker has seen the new certificate
  FAILED = 1,        // the broker or the device refused; both credentials are kept
  USAGE = 2,
  NOTHING_OWED = 3,  // the broker says so
  TOO_LARGE = 4,     // a packet larger than ours came
  TRY_AGAIN = 75,    // no answer, or not yet
};

enum outcome renew(const struct options *options);
#endif
