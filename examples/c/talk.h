// One conversation with the broker, from the first `hello` on a connection to its end.
#ifndef TALK_H
#define TALK_H
#include <stdbool.h>

#include "mqtt.h"
#include "renewal.h"
#include "store.h"

#define BIT(field) (1u << (field))

enum next {
  GO_ON,
  RECONNECT,  // the state says with which slot
  DISCONNECTED, // the link broke, or an answer did not come: try again
  END,        // the outcome says how
};

struct following;

struct conversation {
  struct state *state; // on the medium whenever it says so
  struct following *following;
  const struct options *options;
  enum outcome outcome;
  uint16_t hello_id, csr_id, ack_id, subscribe_id, step_ack_id; // not acknowledged yet; 0 for none
  uint64_t acknowledged_by;                        // when the link counts as broken if one of these is still open
  uint64_t hello_at;                               // say it again then; 0 for not
  uint32_t asked_until;                            // the offset after the last stretch asked for on this connection
  uint32_t request_sent;                           // bytes of the request sent on this connection
  uint32_t step_asked_until;                       // the same of a step
  uint64_t linger_until;                           // nothing is owed, and a step may be announced yet; 0 for not
  uint8_t begun_again, requests, waits, steps;     // on this connection, so that nothing repeats for ever
  bool is_idle;   // nothing of a renewal is under way: steps have their turn
  bool lingered;
  bool took_step;
  bool renewed;   // whatever else there was to do
  bool subscribed;
  bool answered;      // the broker said something on this connection
  bool other_refused; // in this run: the credential that this connection was not made with
  bool reported;      // `ack` failed for the refused replacement was acknowledged
  bool lost;          // `ack` failed says that the replacement is lost: the next offer is the way out
};

// Talks until something is to be done that needs another connection, or all is done.
enum next talk(struct conversation *conversation);

// Used by the parts of a conversation.
enum next end_with(struct conversation *c, enum outcome outcome);
enum next after(struct conversation *c, enum mqtt_result result);
enum next save(struct conversation *c, enum next then);
enum next forget(struct conversation *c, enum next then);
enum next say_hello(struct conversation *c);

// `failure` is NULL for `installed`.
enum next acknowledge(struct conversation *c, const char *renewal, const char *failure);

// Reports that the replacement cannot be used. The broker will offer it again, later and later.
enum next give_up(struct conversation *c, const char *renewal, const char *why);
#endif
