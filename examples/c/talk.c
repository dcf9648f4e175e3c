// Decides what each message of the gateway means. What it decides is on the disk before it is acted on, so that it may be cut off
// anywhere; a repeated or late message changes nothing.
#include "talk.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cbor.h"
#include "link.h"
#include "trace.h"

#define SLOTS_HELD 2
#define BIT(field) (1u << (field))

static struct state *state;
static const struct options *options;
static enum outcome *outcome;
static uint8_t replacement[SLOT_SIZE];
static uint16_t hello_id, ack_id; // not acknowledged yet; 0 for none
static uint32_t asked_until;      // the offset after the last stretch asked for on this connection

static enum next end_with(enum outcome with) {
  *outcome = with;
  return END;
}

enum next lost(enum mqtt_result result, enum outcome *into) {
  if (result == MQTT_TOO_LARGE) {
    say("a packet of %u bytes was sent to us: we take %d", (unsigned)mqtt_counts()->largest_in, PACKET_MAX);
    *into = TOO_LARGE;
  } else if (result == MQTT_BROKEN) {
    say("that is not MQTT as we speak it");
    *into = FAILED;
  } else {
    say("the link was lost");
    *into = TRY_AGAIN;
  }
  return END;
}

static enum next after(enum mqtt_result result) { return result == MQTT_OK ? GO_ON : lost(result, outcome); }

static enum next save(enum next then) {
  if (store_save(state)) return then;
  say("the state cannot be saved");
  return end_with(FAILED);
}

static enum next forget(enum next then) {
  *state = (struct state){.active = state->active};
  return save(then);
}

static enum next hello(void) {
  struct writer message = mqtt_begin("hello");
  write_map(&message, 2);
  write_number(&message, MAX_PACKET, options->announce);
  write_number(&message, SLOTS, SLOTS_HELD);
  return after(mqtt_publish(&message, &hello_id));
}

static enum next acknowledge(const char *failure) {
  struct writer message = mqtt_begin("ack");
  write_map(&message, failure ? 3 : 2);
  write_text(&message, RENEWAL, state->renewal);
  write_number(&message, STATUS, failure ? STATUS_FAILED : STATUS_INSTALLED);
  if (failure) write_text(&message, CODE, failure);
  return after(mqtt_publish(&message, &ack_id));
}

// The gateway will offer it again, later and later.
static enum next give_up(const char *why) {
  say("given up: %s", why);
  state->phase = REFUSED;
  enum next then = save(GO_ON);
  return then == GO_ON ? acknowledge(why) : then;
}

// Bytes to fetch: where an offer had no room for the digest, it follows the replacement.
static uint32_t total(void) { return state->size + (state->has_sha256 ? 0 : SHA256_SIZE); }

static enum next get(void) {
  uint16_t id;
  uint32_t missing = total() - state->received;
  uint32_t length = options->stretch > 0 && options->stretch < missing ? options->stretch : missing;
  asked_until = state->received + length;
  struct writer message = mqtt_begin("get");
  write_map(&message, 3);
  write_text(&message, RENEWAL, state->renewal);
  write_number(&message, OFFSET, state->received);
  write_number(&message, LENGTH, length);
  return after(mqtt_publish(&message, &id));
}

// What is wrong with what lies in the other slot, or NULL.
static const char *fault_of_replacement(void) {
  size_t size;
  uint8_t digest[SHA256_SIZE];
  const uint8_t *expected = state->has_sha256 ? state->sha256 : replacement + state->size;
  if (!store_read_slot(!state->active, replacement, sizeof replacement, &size) || size != total()) return "not_stored";
  if (!sha256(replacement, state->size, digest) || memcmp(digest, expected, sizeof digest) != 0) return "sha256_mismatch";
  return link_fits_key(replacement, state->size) ? NULL : "not_over_our_key";
}

static enum next fetched(void) {
  const char *fault = fault_of_replacement();
  if (fault) return give_up(fault);
  say("stored and checked: %u bytes", (unsigned)state->size);
  state->phase = STORED;
  enum next then = save(GO_ON);
  return then == GO_ON ? acknowledge(NULL) : then;
}

static bool is_same(const struct message *offer) {
  if (state->phase == IDLE || strcmp(offer->renewal, state->renewal) != 0 || offer->size != state->size) return false;
  if (state->has_sha256 != message_has(offer, BIT(SHA256))) return false;
  return !state->has_sha256 || memcmp(offer->sha256, state->sha256, SHA256_SIZE) == 0;
}

static enum next begin(const struct message *offer) {
  *state = (struct state){.active = state->active, .phase = FETCHING, .size = offer->size};
  memcpy(state->renewal, offer->renewal, sizeof state->renewal);
  state->has_sha256 = message_has(offer, BIT(SHA256));
  if (state->has_sha256) memcpy(state->sha256, offer->sha256, SHA256_SIZE);
  if (offer->mode != MODE_RECERTIFY) return give_up("mode");
  return offer->size == 0 || total() > SLOT_SIZE ? give_up("size") : save(GO_ON);
}

static enum next on_offer(const struct message *offer) {
  if (!message_has(offer, BIT(RENEWAL) | BIT(MODE)) || ack_id != 0) return GO_ON;
  if (offer->mode == MODE_RECERTIFY && !message_has(offer, BIT(SIZE))) return GO_ON; // not issued yet
  bool known = is_same(offer);
  if (known && state->phase == ACTIVATED) return GO_ON;
  if (known && asked_until > state->received) return GO_ON; // its parts are on their way
  enum next then = known ? GO_ON : begin(offer);
  if (then != GO_ON || state->phase != FETCHING) return then;
  say("offer %s: %u bytes, %u of them here", state->renewal, (unsigned)state->size, (unsigned)state->received);
  return state->received == total() ? fetched() : get();
}

static enum next on_part(const struct message *part) {
  if (!message_has(part, BIT(RENEWAL) | BIT(OFFSET) | BIT(TOTAL) | BIT(BYTES))) return GO_ON;
  if (state->phase != FETCHING || strcmp(part->renewal, state->renewal) != 0) return GO_ON;
  if (part->offset != state->received) return GO_ON; // a repetition
  if (part->total != total() || part->bytes_size == 0 || part->bytes_size > total() - part->offset) return give_up("part");
  if (!store_write_slot(!state->active, part->offset, part->bytes, part->bytes_size)) return give_up("storage");
  state->received += (uint32_t)part->bytes_size;
  enum next then = save(GO_ON);
  if (then != GO_ON) return then;
  if (state->received == total()) return fetched();
  return state->received >= asked_until ? get() : GO_ON;
}

static enum next on_done(const struct message *done) {
  if (state->phase != ACTIVATED || !message_has(done, BIT(RENEWAL))) return GO_ON;
  if (strcmp(done->renewal, state->renewal) != 0) return GO_ON;
  say("done: the old certificate is admitted until %u", (unsigned)done->retires);
  *outcome = RENEWED;
  return forget(END);
}

static enum next on_error(const struct message *error) {
  int size = message_has(error, BIT(CODE)) ? (int)error->code_size : 0;
  say("error %.*s", size, size > 0 ? (const char *)error->code : "");
  if (message_has(error, BIT(RETRY_AFTER))) return end_with(TRY_AGAIN);
  if (state->phase == ACTIVATED) return GO_ON;
  *outcome = FAILED;
  return state->phase == FETCHING ? forget(END) : END; // the next hello begins anew
}

static enum next on_publish(const struct mqtt_packet *packet) {
  struct message message;
  if (!message_read(&message, packet->payload, packet->payload_size)) {
    say("%s is not CBOR as we know it: left aside", packet->word);
    return GO_ON;
  }
  if (strcmp(packet->word, "offer") == 0) return on_offer(&message);
  if (strcmp(packet->word, "part") == 0) return on_part(&message);
  if (strcmp(packet->word, "done") == 0) return on_done(&message);
  return strcmp(packet->word, "error") == 0 ? on_error(&message) : GO_ON;
}

static enum next on_acknowledged(uint16_t id) {
  if (id == hello_id) {
    // Only now, for what the subscription brings must already keep to the packets we announced.
    hello_id = 0;
    return after(mqtt_subscribe());
  }
  if (ack_id == 0 || id != ack_id) return GO_ON;
  ack_id = 0;
  if (state->phase == STORED) return RECONNECT;
  *outcome = FAILED;
  return forget(END);
}

static enum next on_packet(const struct mqtt_packet *packet) {
  if (packet->kind == PACKET_PUBACK) return on_acknowledged(packet->id);
  if (packet->kind != PACKET_PUBLISH) return GO_ON;
  enum next then = on_publish(packet);
  enum mqtt_result result = mqtt_acknowledge(packet);
  return then == GO_ON ? after(result) : then;
}

static enum next on_silence(void) {
  if (state->phase == ACTIVATED) {
    // `done` came before a cut, or will come another time: the certificate is in use, and that is what counts.
    *outcome = RENEWED;
    return forget(END);
  }
  say("nothing more within %u seconds", (unsigned)options->wait_s);
  return end_with(state->phase == IDLE ? NOTHING_OWED : TRY_AGAIN);
}

static uint64_t now_ms(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000;
}

enum next talk(struct state *now, const struct options *given, enum outcome *into) {
  struct mqtt_packet packet;
  state = now, options = given, outcome = into;
  hello_id = ack_id = 0;
  asked_until = 0;
  enum next then = state->phase == REFUSED ? acknowledge("refused") : hello();
  uint64_t heard = now_ms();
  while (then == GO_ON) {
    uint64_t wait = (uint64_t)options->wait_s * 1000, quiet = now_ms() - heard;
    enum mqtt_result result = quiet < wait ? mqtt_receive(&packet, (uint32_t)(wait - quiet)) : MQTT_QUIET;
    if (result == MQTT_QUIET) return on_silence();
    if (result != MQTT_OK) return lost(result, outcome);
    if (packet.kind == PACKET_PUBLISH) heard = now_ms();
    then = on_packet(&packet);
  }
  return then;
}
