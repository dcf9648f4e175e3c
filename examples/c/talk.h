// One conversation with the gateway, from the first `hello` on a connection to its end.
#ifndef TALK_H
#define TALK_H
#include "mqtt.h"
#include "renewal.h"
#include "store.h"

enum next {
  GO_ON,
  RECONNECT, // the state says with which certificate
  END,       // the outcome says how
};

// Talks until something is to be done that needs another connection, or all is done. `state` is on the disk whenever it says so.
enum next talk(struct state *state, const struct options *options, enum outcome *outcome);

// What the end of a connection comes to; always END.
enum next lost(enum mqtt_result result, enum outcome *outcome);
#endif
