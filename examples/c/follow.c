// Decides when a step is fetched, what is said of it, and what follows from a port that was tried. Which step is taken is decided in trust.c.
#include "follow.h"

#include <string.h>

#include "roots.h"
#include "store.h"
#include "trace.h"

#define STEPS_A_CONVERSATION 8

void follow_begin(struct following *f, struct trust *trust) {
  *f = (struct following){.trust = trust};
  if (!trust->untried) return;
  f->trial = trust->announced;
  f->tried = trust->roots[trust_newest(trust)].brought_by;
}

bool follow_connected(struct following *f, uint16_t port, uint8_t root) {
  if (f->trial == port && root == trust_newest(f->trust)) say("port %u is proved", (unsigned)port);
  if (f->trial == port) f->trial = 0, f->failure = NULL;
  else if (f->failure) f->trial = 0; // and the failure is reported
  return !trust_after_connack(f->trust, port, root) || roots_save(f->trust);
}

void follow_failed(struct following *f, uint16_t port, const char *code) {
  if (f->trial == port) f->failure = code;
}

bool is_fetching_step(const struct conversation *c) { return c->step_asked_until > c->following->received; }

bool is_of_step(const struct conversation *c, const struct message *message) {
  const struct following *f = c->following;
  return message_has(message, BIT(RENEWAL)) && f->sequence != 0 && step_sequence(message->renewal) == f->sequence;
}

static enum next ask(struct conversation *c) {
  struct following *f = c->following;
  char renewal[RENEWAL_MAX + 1];
  uint16_t id;
  uint32_t missing = f->size - f->received;
  uint32_t length = c->options->stretch > 0 && c->options->stretch < missing ? c->options->stretch : missing;
  c->step_asked_until = f->received + length;
  c->hello_at = c->linger_until = 0; // hello is said again when this is done
  struct writer message = mqtt_begin("get");
  step_renewal(f->sequence, renewal);
  write_map(&message, 3);
  write_text(&message, RENEWAL, renewal);
  write_number(&message, OFFSET, f->received);
  write_number(&message, LENGTH, length);
  return after(c, mqtt_publish(&message, &id));
}

enum next follow_again(struct conversation *c) { return ask(c); }

static enum next acknowledge_step(struct conversation *c, uint64_t sequence, const char *failure) {
  char renewal[RENEWAL_MAX + 1];
  struct writer message = mqtt_begin("ack");
  c->hello_at = c->linger_until = 0;
  step_renewal(sequence, renewal);
  say("step %s %s", renewal, failure ? failure : "stored");
  write_map(&message, failure ? 3 : 2);
  write_text(&message, RENEWAL, renewal);
  write_number(&message, STATUS, failure ? STATUS_FAILED : STATUS_STORED);
  if (failure) write_text(&message, CODE, failure);
  return after(c, mqtt_publish(&message, &c->step_ack_id));
}

static enum next refuse(struct conversation *c, const char *code) {
  struct following *f = c->following;
  uint64_t sequence = f->sequence;
  f->sequence = 0;
  c->step_asked_until = 0;
  return acknowledge_step(c, sequence, code);
}

// It is kept: says so, and has the port of the root that it named tried, unless this connection is on it and under that.
static enum next stored(struct conversation *c) {
  struct following *f = c->following;
  const struct trust *trust = f->trust;
  uint64_t sequence = f->sequence;
  for (uint8_t i = 0; i < trust->count; i++) {
    bool is_here = trust->committed == i && trust->committed_port == f->port;
    if (trust->roots[i].brought_by == sequence && !trust->roots[i].leaving && !is_here) f->trial = f->port, f->tried = sequence;
  }
  f->failure = NULL;
  return refuse(c, NULL);
}

static enum next take(struct conversation *c) {
  struct following *f = c->following;
  struct trust before = *f->trust;
  struct step step;
  bool verifies;
  const char *code = NULL;
  // What was announced and what was fetched are one and the same.
  if (!roots_check(f->trust, f->place, &step, &verifies) || step.sequence != f->sequence) return refuse(c, "malformed_step");
  enum taken taken = trust_take(f->trust, &step, verifies, f->port, f->place, &code);
  if (taken == NOT_TAKEN_IN) return refuse(c, code);
  if (taken == TAKEN && !roots_save(f->trust)) {
    *f->trust = before;
    return refuse(c, "storage");
  }
  c->took_step = taken == TAKEN;
  return stored(c);
}

enum next follow(struct conversation *c, enum next then) {
  struct following *f = c->following;
  if (c->step_ack_id != 0 || is_fetching_step(c)) return GO_ON;
  if (f->failure && f->trial == 0) return acknowledge_step(c, f->tried, f->failure);
  if (f->sequence == 0) return then;
  if (++c->steps > STEPS_A_CONVERSATION) return then;
  if (trust_is_taken(f->trust, f->sequence)) return stored(c);
  if (f->size > STEP_MAX) return refuse(c, "size");
  if (f->size == 0) return refuse(c, "malformed_step");
  if (f->received > 0 && f->place == trust_free_place(f->trust)) return ask(c);
  f->received = 0;
  f->place = trust_free_place(f->trust);
  return ask(c);
}

enum next on_trust(struct conversation *c, const struct message *trust) {
  struct following *f = c->following;
  if (!message_has(trust, BIT(RENEWAL) | BIT(SIZE) | BIT(PORT)) || trust->port < 1 || trust->port > 65535) return GO_ON;
  uint64_t sequence = step_sequence(trust->renewal);
  if (sequence == 0 || is_fetching_step(c)) return GO_ON; // another than the one that is fetched is announced again
  if (sequence != f->sequence || trust->size != f->size) f->received = 0;
  f->sequence = sequence;
  f->size = trust->size;
  f->port = (uint16_t)trust->port;
  return c->is_idle ? follow(c, GO_ON) : GO_ON;
}

enum next on_step_part(struct conversation *c, const struct message *part) {
  struct following *f = c->following;
  if (!is_fetching_step(c) || part->offset != f->received) return GO_ON; // a repetition, or one after a part that was lost
  if (part->total != f->size || part->bytes_size == 0 || part->bytes_size > f->size - f->received) return refuse(c, "malformed_step");
  if (!store_write_place(f->place, f->received, part->bytes, part->bytes_size)) return refuse(c, "storage");
  f->received += (uint32_t)part->bytes_size;
  if (f->received == f->size) return take(c);
  return f->received >= c->step_asked_until ? ask(c) : GO_ON;
}

enum next on_step_error(struct conversation *c, const struct message *error) {
  if (!is_of_step(c, error)) return GO_ON;
  // Whatever it is, the broker announces the step again when its time has come.
  c->following->sequence = 0;
  c->step_asked_until = 0;
  return say_hello(c);
}

enum next on_step_acknowledged(struct conversation *c) {
  struct following *f = c->following;
  struct trust *trust = f->trust;
  c->step_ack_id = 0;
  if (f->failure && f->trial == 0) {
    f->failure = NULL;
    if (trust->untried) {
      trust->untried = false;
      if (!roots_save(trust)) return end_with(c, FAILED);
    }
  }
  if (f->trial != 0) return RECONNECT;
  // This connection is under a root that was given up: it goes once one that stays has been connected under.
  if (c->took_step && trust->roots[trust->committed].leaving) return RECONNECT;
  c->lingered = false;
  return say_hello(c); // there may be a further step, now that this one is dealt with
}
