// Decides what an answer of the broker means for the renewal, when to say something again, and when the link counts as broken.
#include "talk.h"

#include <string.h>

#include "cbor.h"
#include "credential.h"
#include "fetch.h"
#include "follow.h"
#include "port.h"
#include "trace.h"
#include "wait.h"

#define SLOTS_HELD 2
#define WAITS_MAX 3
#define PAUSE_MAX_S 86400 // whatever we were told: once a day we ask

enum next end_with(struct conversation *c, enum outcome outcome) {
  c->outcome = outcome;
  return END;
}

enum next after(struct conversation *c, enum mqtt_result result) {
  if (result == MQTT_OK) {
    c->acknowledged_by = port_now_ms() + (uint64_t)c->options->answer_s * 1000;
    return GO_ON;
  }
  if (result == MQTT_TOO_LARGE) {
    say("a packet of %u bytes was sent to us: we take %d", (unsigned)mqtt_counts()->largest_in, PACKET_MAX);
    return end_with(c, TOO_LARGE);
  }
  if (result == MQTT_BROKEN) {
    say("that is not MQTT as we speak it");
    return end_with(c, FAILED);
  }
  say("the link was lost");
  return DISCONNECTED;
}

enum next save(struct conversation *c, enum next then) {
  if (store_save(c->state)) return then;
  say("the state cannot be saved");
  return end_with(c, FAILED);
}

enum next forget(struct conversation *c, enum next then) {
  struct state *state = c->state;
  *state = (struct state){.sequence = state->sequence, .active = state->active};
  return save(c, then);
}

enum next say_hello(struct conversation *c) {
  struct writer message = mqtt_begin("hello");
  c->hello_at = 0;
  write_map(&message, 2);
  write_number(&message, MAX_PACKET, c->options->announce);
  write_number(&message, SLOTS, SLOTS_HELD);
  return after(c, mqtt_publish(&message, &c->hello_id));
}

enum next acknowledge(struct conversation *c, const char *renewal, const char *failure) {
  struct writer message = mqtt_begin("ack");
  write_map(&message, failure ? 3 : 2);
  write_text(&message, RENEWAL, renewal);
  write_number(&message, STATUS, failure ? STATUS_FAILED : STATUS_INSTALLED);
  if (failure) write_text(&message, CODE, failure);
  return after(c, mqtt_publish(&message, &c->ack_id));
}

enum next give_up(struct conversation *c, const char *given, const char *why) {
  char renewal[RENEWAL_MAX + 1];
  say("given up: %s", why);
  memcpy(renewal, given, sizeof renewal);
  enum next then = forget(c, GO_ON);
  return then == GO_ON ? acknowledge(c, renewal, why) : then;
}

// The broker has seen the replacement in use, whatever we heard of that: it is the one to use, and is never deleted.
static enum next go_forward(struct conversation *c) {
  say("the broker has seen the replacement in use: forward");
  c->state->phase = STORED;
  c->state->forward = true;
  return save(c, RECONNECT);
}

// The broker speaks of a replacement that it handed over or saw, and our record knows nothing of that, or this connection is one
// with the old credential.
static enum next on_handed_over(struct conversation *c, const char *renewal) {
  struct state *state = c->state;
  if (state->phase == STORED) return RECONNECT;
  if (state->phase == REFUSED) return c->reported ? go_forward(c) : GO_ON;
  if (!credential_usable(!state->active)) {
    if (c->lost) return end_with(c, FAILED); // and it said so before
    c->lost = true;
    return give_up(c, renewal, "lost");
  }
  if (credential_newest() == state->active) return state->phase == IDLE ? end_with(c, NOTHING_OWED) : forget(c, end_with(c, RENEWED));
  state->active = !state->active;
  return forget(c, RECONNECT);
}

static enum next on_done(struct conversation *c, const struct message *done) {
  const struct state *state = c->state;
  if (!message_has(done, BIT(RENEWAL)) || c->ack_id != 0) return GO_ON;
  if (state->phase != ACTIVATED) return on_handed_over(c, done->renewal);
  if (strcmp(done->renewal, state->renewal) != 0) return GO_ON;
  say("done: the old certificate is admitted until %u", (unsigned)done->retires);
  return forget(c, end_with(c, RENEWED));
}

// `rests`: nothing is to be asked before; else it only says when it is worth asking.
static enum next keep_pause(struct conversation *c, uint32_t seconds, bool rests) {
  struct state *state = c->state;
  uint32_t now;
  state->retry_after = seconds < PAUSE_MAX_S || !rests ? seconds : PAUSE_MAX_S;
  state->retry_from = port_clock(&now) ? now : 0;
  state->rests = rests;
  return save(c, GO_ON);
}

// When the pause is short, the connection stays: what we wait for may come by itself, and else we ask again.
static bool stays(struct conversation *c, uint32_t seconds) {
  if (seconds > c->options->wait_s || ++c->waits > WAITS_MAX) return false;
  c->hello_at = port_now_ms() + seconds * 1000 + jitter_ms(seconds * 250 + 250);
  return true;
}

static enum next on_nothing_due(struct conversation *c, const struct message *error) {
  const struct state *state = c->state;
  if (c->ack_id != 0) return GO_ON;
  if (message_has(error, BIT(RENEWAL)) && state->phase != ACTIVATED) return on_handed_over(c, error->renewal);
  if (state->phase == STORED) return RECONNECT;
  if (state->phase == REFUSED && !c->reported) return GO_ON;
  if (c->csr_id != 0 || is_fetching(c)) return GO_ON; // what we said after that hello has its own answer
  bool is_over = state->phase == ACTIVATED || state->phase == REFUSED;
  enum outcome outcome = state->phase == ACTIVATED ? RENEWED : state->phase == REFUSED ? FAILED : NOTHING_OWED;
  // A request or a download stays: the broker may wait for its CA.
  if (is_over) *c->state = (struct state){.sequence = state->sequence, .active = state->active};
  say("nothing is due; ask again in %u seconds", (unsigned)error->retry_after);
  enum next then = keep_pause(c, error->retry_after, false);
  if (then != GO_ON) return then;
  if (is_over || !stays(c, error->retry_after)) return end_with(c, outcome);
  c->is_idle = true;
  return follow(c, GO_ON);
}

static enum next on_pause(struct conversation *c, uint32_t seconds) {
  bool was_refused = c->state->phase == REFUSED && c->reported;
  if (was_refused) *c->state = (struct state){.sequence = c->state->sequence, .active = c->state->active};
  enum next then = keep_pause(c, seconds, true);
  if (then != GO_ON) return then;
  say("asked to wait %u seconds", (unsigned)seconds);
  if (was_refused) return end_with(c, FAILED);
  return stays(c, seconds) ? GO_ON : end_with(c, TRY_AGAIN);
}

static bool is_code(const struct message *error, const char *code) {
  return message_has(error, BIT(CODE)) && error->code_size == strlen(code) && memcmp(error->code, code, error->code_size) == 0;
}

static bool is_one_of(const struct message *error, const char *const *codes) {
  while (*codes && !is_code(error, *codes)) codes++;
  return *codes != NULL;
}

static enum next on_closed(struct conversation *c, bool unknown) {
  const struct state *state = c->state;
  if (state->phase == STORED) return RECONNECT;
  if (state->phase == REFUSED && !unknown) return go_forward(c);
  if (state->phase == ACTIVATED || state->phase == IDLE) return GO_ON;
  enum next then = forget(c, GO_ON);
  return then == GO_ON ? say_hello(c) : then;
}

static enum next on_error(struct conversation *c, const struct message *error) {
  static const char *const wait_for_next[] = {"wrong_state", "unsupported_mode", "unknown_word", "not_authorized", NULL};
  static const char *const other_request[] = {"bad_signature", "malformed_csr", "key_reused", "key_in_use", "key_refused", NULL};
  static const char *const parts[] = {"part_out_of_range", "part_mismatch", "part_missing", NULL};
  const struct state *state = c->state;
  int size = message_has(error, BIT(CODE)) ? (int)error->code_size : 0;
  if (is_code(error, "nothing_due")) return on_nothing_due(c, error);
  say("error %.*s", size, size > 0 ? (const char *)error->code : "");
  if (message_has(error, BIT(RENEWAL)) && step_sequence(error->renewal) != 0) return on_step_error(c, error);
  if (message_has(error, BIT(RENEWAL)) && state->phase != IDLE && strcmp(error->renewal, state->renewal) != 0) return GO_ON;
  if (is_code(error, "renewal_closed")) return on_closed(c, false);
  if (is_code(error, "unknown_renewal")) return on_closed(c, true);
  if (message_has(error, BIT(RETRY_AFTER))) return on_pause(c, error->retry_after);
  if (is_one_of(error, wait_for_next)) return GO_ON;
  if (is_one_of(error, parts) && (state->phase == FETCHING || state->phase == REQUESTED)) return begin_again(c);
  if (state->phase == ACTIVATED || state->phase == STORED) return GO_ON;
  if (is_one_of(error, other_request) && state->phase == REQUESTED) {
    // The next offer is answered with a new key. `requests` says how often.
    enum next then = forget(c, GO_ON);
    return then == GO_ON ? say_hello(c) : then;
  }
  c->outcome = FAILED;
  return state->phase == FETCHING || state->phase == REQUESTED ? forget(c, END) : END; // the next hello begins anew
}

static enum next on_publish(struct conversation *c, const struct mqtt_packet *packet) {
  struct message message;
  if (!message_read(&message, packet->payload, packet->payload_size)) {
    say("%s is not CBOR as we know it: left aside", packet->word);
    return GO_ON;
  }
  if (strcmp(packet->word, "offer") == 0) return c->is_idle = false, on_offer(c, &message);
  if (strcmp(packet->word, "trust") == 0) return on_trust(c, &message);
  if (strcmp(packet->word, "part") == 0) return is_of_step(c, &message) ? on_step_part(c, &message) : on_part(c, &message);
  if (strcmp(packet->word, "done") == 0) return on_done(c, &message);
  return strcmp(packet->word, "error") == 0 ? on_error(c, &message) : GO_ON;
}

static enum next on_hello_acknowledged(struct conversation *c) {
  c->hello_id = 0;
  if (c->subscribed) return GO_ON;
  // Only now, for what the subscription brings must already keep to the packets we announced.
  c->subscribed = true;
  return after(c, mqtt_subscribe(&c->subscribe_id));
}

static enum next on_ack_acknowledged(struct conversation *c) {
  c->ack_id = 0;
  if (c->state->phase == STORED) return RECONNECT;
  if (c->lost) return say_hello(c);
  if (c->state->phase != REFUSED) return end_with(c, FAILED);
  // It is committed, but not said to be accepted: the next answer tells.
  c->reported = true;
  return say_hello(c);
}

static enum next on_acknowledged(struct conversation *c, const struct mqtt_packet *packet) {
  if (packet->id == c->hello_id) return on_hello_acknowledged(c);
  if (packet->id == c->ack_id) return on_ack_acknowledged(c);
  if (packet->id == c->step_ack_id) return on_step_acknowledged(c);
  if (packet->id != c->csr_id) return GO_ON;
  c->csr_id = 0;
  uint8_t byte;
  uint32_t total;
  bool more = c->state->phase == REQUESTED && credential_request(c->state, c->request_sent, &byte, 1, &total) > 0;
  return more ? send_request(c, c->request_sent) : GO_ON;
}

static enum next on_packet(struct conversation *c, const struct mqtt_packet *packet) {
  if (packet->kind == PACKET_PUBACK) return packet->id == 0 ? GO_ON : on_acknowledged(c, packet);
  if (packet->kind == PACKET_SUBACK && packet->id == c->subscribe_id) {
    c->subscribe_id = 0;
    return c->state->phase == REFUSED ? acknowledge(c, c->state->renewal, "refused") : GO_ON;
  }
  if (packet->kind != PACKET_PUBLISH) return GO_ON;
  enum next then = on_publish(c, packet);
  enum mqtt_result result = mqtt_acknowledge(packet);
  return then == GO_ON && result != MQTT_OK ? after(c, result) : then;
}

static bool is_unacknowledged(const struct conversation *c) {
  return c->hello_id || c->csr_id || c->ack_id || c->subscribe_id || c->step_ack_id;
}

// When there is something to do although nothing came. `again_at`: something said has had no answer until then.
static uint64_t next_moment(const struct conversation *c, uint64_t again_at, uint64_t end) {
  uint64_t moment = c->hello_at ? c->hello_at : again_at;
  if (!c->hello_at && end < moment) moment = end;
  if (c->linger_until && c->linger_until < moment) moment = c->linger_until;
  return is_unacknowledged(c) && c->acknowledged_by < moment ? c->acknowledged_by : moment;
}

static enum next on_moment(struct conversation *c, uint64_t end) {
  uint64_t now = port_now_ms();
  if (is_unacknowledged(c) && now >= c->acknowledged_by) {
    say("no acknowledgement within %u seconds", (unsigned)c->options->answer_s);
    return DISCONNECTED;
  }
  if (c->linger_until && now >= c->linger_until) {
    c->linger_until = 0;
    return is_fetching(c) || c->csr_id || c->ack_id ? GO_ON : END;
  }
  if (!c->hello_at && now >= end) {
    say("nothing more within %u seconds", (unsigned)c->options->wait_s);
    return DISCONNECTED;
  }
  if (is_fetching(c)) return get(c);
  if (is_fetching_step(c)) return follow_again(c);
  c->request_sent = 0;
  return say_hello(c);
}

// Steps of roots come after what is owed of renewals. The broker announces one right after it has said that nothing is due.
static enum next on_end(struct conversation *c) {
  if (c->outcome != RENEWED && c->outcome != NOTHING_OWED) return END;
  c->renewed = c->renewed || c->outcome == RENEWED;
  c->is_idle = true;
  enum next then = follow(c, END);
  if (then == END && c->linger_until) return GO_ON;
  if (then != END || c->lingered || c->outcome == RENEWED || c->options->linger_ms == 0) return then;
  c->lingered = true;
  c->linger_until = port_now_ms() + c->options->linger_ms;
  return GO_ON;
}

enum next talk(struct conversation *c) {
  struct mqtt_packet packet;
  const uint64_t wait = (uint64_t)c->options->wait_s * 1000, again = (uint64_t)c->options->answer_s * 1000;
  enum next then = say_hello(c);
  uint64_t again_at = port_now_ms() + again, end = port_now_ms() + wait;
  while (then == GO_ON) {
    port_watchdog();
    uint64_t now = port_now_ms(), moment = next_moment(c, again_at, end);
    enum mqtt_result result = now < moment ? mqtt_receive(&packet, (uint32_t)(moment - now)) : MQTT_QUIET;
    now = port_now_ms();
    if (result == MQTT_QUIET) {
      if (c->hello_at) end = now + wait;
      then = on_moment(c, end);
      again_at = now + again;
    } else if (result != MQTT_OK) {
      then = after(c, result);
    } else {
      if (packet.kind == PACKET_PUBLISH) c->answered = true, again_at = now + again, end = now + wait;
      then = on_packet(c, &packet);
    }
    if (then == END) then = on_end(c);
  }
  return then;
}
