// From the announcement of a step to a root that is stored and a port that is tried.
#ifndef FOLLOW_H
#define FOLLOW_H
#include "talk.h"
#include "trust.h"

// What is under way. In memory: after a power cut the broker says it again, and a step is fetched anew.
struct following {
  struct trust *trust;     // on the medium whenever it says so
  uint64_t sequence;       // of the step that was announced; 0 for none
  uint16_t port;           // that was announced with it
  uint32_t size, received; // bytes of it, and how many of them are here
  uint8_t place;           // where they lie
  uint16_t trial;          // the port to be tried; 0 for none
  uint64_t tried;          // the sequence of the step that announced it
  const char *failure;     // of the trial by now, to be reported under another port; NULL for none
};

// What was kept for after a power cut: a port that was not tried yet.
void follow_begin(struct following *f, struct trust *trust);

// What came of a try to connect. @return false when it is to be written and cannot be
bool follow_connected(struct following *f, uint16_t port, uint8_t root);
void follow_failed(struct following *f, uint16_t port, const char *code);

enum next on_trust(struct conversation *c, const struct message *trust);
bool is_of_step(const struct conversation *c, const struct message *message);
enum next on_step_part(struct conversation *c, const struct message *part);
// An error about a step, whichever it is.
enum next on_step_error(struct conversation *c, const struct message *error);
enum next on_step_acknowledged(struct conversation *c);

// Does what is next of it, or goes on with `then` when there is nothing.
enum next follow(struct conversation *c, enum next then);

// Asks again for what is missing of a step.
enum next follow_again(struct conversation *c);

bool is_fetching_step(const struct conversation *c);
#endif
