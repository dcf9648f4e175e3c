// Decides with which certificate to connect, and what a refusal means: the replacement is tried a few times, and then the old
// one is gone back to. A certificate that was admitted stays in its slot until another one has been.
#include "renewal.h"

#include <stdbool.h>
#include <time.h>

#include "link.h"
#include "mqtt.h"
#include "store.h"
#include "talk.h"
#include "trace.h"

#define REFUSALS_MAX 3

static struct state state;
static uint8_t certificate[SLOT_SIZE];

static enum next save(enum next then, enum outcome *outcome) {
  if (store_save(&state)) return then;
  say("the state cannot be saved");
  *outcome = FAILED;
  return END;
}

static enum next on_refusal(enum outcome *outcome) {
  *outcome = FAILED;
  if (state.phase != STORED) {
    say("the certificate in use is refused");
    return END;
  }
  say("the replacement is refused");
  if (++state.refusals >= REFUSALS_MAX) {
    say("back to the old certificate");
    state.phase = REFUSED;
    return save(RECONNECT, outcome);
  }
  struct timespec pause = {.tv_sec = 1 << (state.refusals - 1)};
  enum next then = save(RECONNECT, outcome);
  nanosleep(&pause, NULL);
  return then;
}

static enum next on_connected(enum outcome *outcome) {
  if (state.phase != STORED) return GO_ON;
  say("activated");
  state.active = !state.active;
  state.phase = ACTIVATED;
  return save(GO_ON, outcome);
}

static enum link_result open_link(const struct options *options) {
  size_t size;
  uint8_t slot = state.phase == STORED ? !state.active : state.active;
  if (!store_read_slot(slot, certificate, sizeof certificate, &size)) size = 0;
  return link_open(options->host, options->port, certificate, size);
}

// Whoever finds fault with a certificate may just hang up: on trial, only an answer counts. With the one in use it would be
// wrong to conclude anything from silence.
static bool is_refusal(enum link_result link, enum mqtt_result result) {
  if (link == LINK_REFUSED || (link == LINK_OK && result == MQTT_REFUSED)) return true;
  return state.phase == STORED && link != LINK_NONE && result == MQTT_LOST;
}

static enum next connection(const struct options *options, enum outcome *outcome) {
  enum link_result link = open_link(options);
  enum mqtt_result result = link == LINK_OK ? mqtt_connect(options->device) : MQTT_LOST;
  enum next then;
  if (result == MQTT_OK) {
    then = on_connected(outcome);
    if (then == GO_ON) then = talk(&state, options, outcome);
    if (then == RECONNECT || *outcome == RENEWED) mqtt_disconnect();
  } else {
    then = is_refusal(link, result) ? on_refusal(outcome) : lost(result, outcome);
  }
  link_close();
  return then;
}

enum outcome renew(const struct options *options) {
  enum outcome outcome = FAILED;
  if (!store_load(&state)) {
    say("the state cannot be read");
    return FAILED;
  }
  while (connection(options, &outcome) == RECONNECT) outcome = FAILED;
  return outcome;
}
