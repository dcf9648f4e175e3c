// Decides with which credential to connect, where, and what a refusal and what silence mean. Only CONNACK or an alert of TLS refuses: then the
// other credential is tried, and nothing is forgotten. No answer says nothing: it is tried again, with the other one in turn.
#include "renewal.h"

#include <stdbool.h>

#include "credential.h"
#include "follow.h"
#include "link.h"
#include "mqtt.h"
#include "port.h"
#include "roots.h"
#include "store.h"
#include "talk.h"
#include "trace.h"
#include "wait.h"

#define UNANSWERED_MAX 3  // in a row with one credential, before the other has its turn
#define CONNECTIONS_MAX 16 // of one run, whatever happens

static struct state state;
static struct trust trust;
static struct following following;

enum answer { ADMITTED, NOT_ANSWERED, NOT_TAKEN, NOT_USABLE, NOT_MQTT, NOT_TRUSTED };

static uint8_t preferred(void) { return state.phase == STORED ? !state.active : state.active; }

static bool save_or_say(void) {
  bool saved = store_save(&state);
  if (!saved) say("the state cannot be saved");
  return saved;
}

// The broker took this slot's credential: it is the active one from now on.
static bool on_admitted(uint8_t slot) {
  if (slot == state.active) return true;
  if (state.phase == STORED) say("activated");
  else say("the other credential is admitted");
  enum phase phase = state.phase == STORED ? ACTIVATED : IDLE;
  state.active = slot;
  state.phase = (uint8_t)phase;
  return save_or_say();
}

static enum answer knock_at(const struct options *options, uint8_t slot, const struct attempt *attempt) {
  enum link_result link = link_open(options->host, slot, &trust, attempt);
  enum mqtt_result result = link == LINK_OK ? mqtt_connect(options->device, options->answer_s * 1000) : MQTT_LOST;
  if (result == MQTT_OK) return ADMITTED;
  if (link == LINK_UNUSABLE) return NOT_USABLE;
  if (link == LINK_UNTRUSTED) return NOT_TRUSTED;
  if (result == MQTT_BROKEN) return NOT_MQTT;
  return link == LINK_REFUSED || result == MQTT_REFUSED ? NOT_TAKEN : NOT_ANSWERED;
}

// Tries every port with every root until the broker answers. A refusal is one of the credential, but on a port that is only tried.
static enum answer knock(const struct options *options, uint8_t slot) {
  struct attempt attempts[ATTEMPTS_MAX];
  size_t count = trust_attempts(&trust, following.trial, options->port, attempts);
  enum answer answer = NOT_ANSWERED;
  uint16_t silent = 0;
  for (size_t i = 0; i < count; i++) {
    if (attempts[i].port == silent) continue; // another root is no answer to that
    if (i > 0) link_close();
    answer = knock_at(options, slot, &attempts[i]);
    bool is_trial = attempts[i].port == following.trial;
    if (answer == ADMITTED || answer == NOT_USABLE || (answer == NOT_TAKEN && !is_trial)) return answer;
    if (answer == NOT_TRUSTED) say("port %u: no root of ours", (unsigned)attempts[i].port);
    else silent = attempts[i].port;
    if (is_trial) follow_failed(&following, attempts[i].port, answer == NOT_TRUSTED ? "port_untrusted" : "port_unreachable");
  }
  return answer;
}

// What damaged the other slot after it was checked is found here, and not by the broker.
static bool replacement_is_whole(void) {
  const char *fault = credential_fault(&state);
  if (!fault) return true;
  say("the replacement is damaged: %s", fault);
  state.phase = FETCHING;
  state.received = 0;
  if (!credential_begin_again(&state)) state.phase = IDLE;
  return false;
}

// The seconds that are left of the pause that the broker asked for, as far as can be told after a power cut.
static uint32_t pause_left(void) {
  uint32_t now;
  if (!state.rests || state.retry_after == 0) return 0;
  if (state.retry_from == 0 || !port_clock(&now) || now < state.retry_from) return state.retry_after;
  uint32_t passed = now - state.retry_from;
  return passed < state.retry_after ? state.retry_after - passed : 0;
}

// With a clock, a long pause is not sat out: it is over some day however often we are started. Without one, it must be.
static bool rest(const struct options *options) {
  uint32_t left = pause_left(), now;
  if (left == 0) return true;
  say("asked to wait: %u seconds of it are left", (unsigned)left);
  if (left > options->wait_s && port_clock(&now)) return false;
  pause_ms(left * 1000);
  pause_ms(jitter_ms(left * 250));
  state.rests = false;
  return save_or_say();
}

struct attempts {
  const struct options *options;
  uint8_t slot;
  bool refused[2];    // in this run
  bool renewed;       // the same
  uint32_t unanswered; // connections
  enum outcome outcome;
};

static enum next try_other(struct attempts *a, const char *why) {
  uint8_t other = !a->slot;
  say("slot %u %s", a->slot, why);
  if (a->refused[other] || !credential_usable(other)) {
    say("the other one too: both are kept");
    a->outcome = FAILED;
    return END;
  }
  a->slot = other;
  return RECONNECT;
}

static enum next on_not_taken(struct attempts *a) {
  if (state.phase == STORED && a->slot != state.active && !state.forward) {
    state.phase = REFUSED;
    if (!save_or_say()) return END;
  }
  a->refused[a->slot] = true;
  pause_ms(backoff_ms(a->options->first_ms, 1));
  return try_other(a, "is refused");
}

static enum next on_not_answered(struct attempts *a) {
  if (++a->unanswered >= a->options->tries) {
    a->outcome = TRY_AGAIN;
    return END;
  }
  pause_ms(backoff_ms(a->options->first_ms, a->unanswered));
  bool turn = a->unanswered % (2 * UNANSWERED_MAX) >= UNANSWERED_MAX;
  uint8_t first = preferred();
  a->slot = state.phase == STORED && turn && !a->refused[!first] && credential_usable(!first) ? !first : first;
  return RECONNECT;
}

static enum next connection(struct attempts *a) {
  if (state.phase == STORED && a->slot != state.active && !replacement_is_whole()) {
    if (!save_or_say()) return END;
    a->slot = state.active;
  }
  enum answer answer = knock(a->options, a->slot);
  enum next then = END;
  if (answer == ADMITTED && on_admitted(a->slot) && follow_connected(&following, link_port(), link_root())) {
    struct conversation c = {
      .state = &state, .following = &following, .options = a->options, .outcome = FAILED, .other_refused = a->refused[!a->slot]};
    then = talk(&c);
    a->renewed = a->renewed || c.renewed;
    a->outcome = c.outcome == NOTHING_OWED && a->renewed ? RENEWED : c.outcome;
    if (c.answered) a->unanswered = 0;
    if (then == RECONNECT || (then == END && c.outcome != TOO_LARGE)) mqtt_disconnect();
  }
  link_close();
  if (answer == NOT_TAKEN) return on_not_taken(a);
  if (answer == NOT_MQTT) return a->outcome = FAILED, END;
  if (answer == NOT_USABLE) return try_other(a, "holds no credential");
  if (answer == NOT_ANSWERED || answer == NOT_TRUSTED || then == DISCONNECTED) return on_not_answered(a);
  if (then == RECONNECT) {
    a->slot = preferred();
    // It was refused before, and the broker sends us back to it: not more than once in a run.
    if (a->refused[a->slot]) a->refused[a->slot] = false, a->refused[!a->slot] = true;
  }
  return then;
}

enum outcome renew(const struct options *options) {
  if (!store_load(&state)) {
    state.active = credential_newest();
    say("no state record: slot %u first", state.active);
  }
  if (!roots_load(&trust, options->port)) {
    say("there is no root that can be read");
    return FAILED;
  }
  follow_begin(&following, &trust);
  if (!rest(options)) return TRY_AGAIN;
  struct attempts a = {.options = options, .slot = preferred(), .outcome = FAILED};
  for (int connections = 0; connections < CONNECTIONS_MAX; connections++) {
    port_watchdog();
    if (connection(&a) == END) return a.outcome;
  }
  return TRY_AGAIN;
}
