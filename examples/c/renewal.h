// One renewal of the device's certificate in key mode `recertify`, over as many connections as it needs. Whatever happens, a
// certificate that was admitted before stays in its slot until another one has been.
#ifndef RENEWAL_H
#define RENEWAL_H
#include <stdint.h>

struct options {
  const char *host, *port, *device;
  uint32_t announce;  // the largest packet we say we can take
  uint32_t stretch;   // bytes asked for at once; 0 is all that is missing
  uint32_t wait_s;    // for the next message that moves the renewal on
};

// Exit codes of the program.
enum outcome {
  RENEWED = 0,
  FAILED = 1,        // the gateway or the device refused; the certificate in use is good as before
  USAGE = 2,
  NOTHING_OWED = 3,  // connected, and no replacement was offered
  TOO_LARGE = 4,     // a packet larger than ours came
  TRY_AGAIN = 75,    // the link was lost; nothing else is
};

enum outcome renew(const struct options *options);
#endif
