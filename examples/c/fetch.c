// Decides what offers and parts mean. What it decides is on the medium before it is acted on; a repeated or late message changes
// nothing.
#include "fetch.h"

#include <string.h>

#include "cbor.h"
#include "credential.h"
#include "trace.h"

#define AGAIN_MAX 3
#define REQUESTS_MAX 2

// Bytes to fetch: where an offer had no room for the digest, it follows the replacement.
static uint32_t total_of(const struct state *state) { return state->size + (state->has_sha256 ? 0 : SHA256_SIZE); }

bool is_fetching(const struct conversation *c) { return c->state->phase == FETCHING && c->asked_until > c->state->received; }

enum next get(struct conversation *c) {
  const struct state *state = c->state;
  uint16_t id;
  uint32_t missing = total_of(state) - state->received;
  uint32_t length = c->options->stretch > 0 && c->options->stretch < missing ? c->options->stretch : missing;
  c->asked_until = state->received + length;
  struct writer message = mqtt_begin("get");
  write_map(&message, 3);
  write_text(&message, RENEWAL, state->renewal);
  write_number(&message, OFFSET, state->received);
  write_number(&message, LENGTH, length);
  return after(c, mqtt_publish(&message, &id));
}

enum next send_request(struct conversation *c, uint32_t offset) {
  const struct state *state = c->state;
  uint8_t bytes[PACKET_MAX];
  uint32_t total;
  // The map, the renewal, offset and total, and the heads of the bytes: at most 17 + 20 + 4.
  size_t room = mqtt_room("csr"), overhead = strlen(state->renewal) + 24;
  size_t size = room > overhead ? credential_request(state, offset, bytes, room - overhead, &total) : 0;
  if (size == 0) return give_up(c, state->renewal, "request");
  struct writer message = mqtt_begin("csr");
  bool whole = size == total;
  write_map(&message, whole ? 2 : 4);
  write_text(&message, RENEWAL, state->renewal);
  if (whole) {
    write_bytes(&message, CSR, bytes, size);
  } else {
    write_number(&message, OFFSET, offset);
    write_number(&message, TOTAL, total);
    write_bytes(&message, BYTES, bytes, size);
  }
  c->request_sent = offset + (uint32_t)size;
  return after(c, mqtt_publish(&message, &c->csr_id));
}

static enum next make_request(struct conversation *c, const char *renewal) {
  struct state *state = c->state;
  if (++c->requests > REQUESTS_MAX) return end_with(c, FAILED);
  *state = (struct state){.sequence = state->sequence, .active = state->active, .phase = REQUESTED};
  memcpy(state->renewal, renewal, sizeof state->renewal);
  if (!credential_make_request(state, c->options->device)) return give_up(c, renewal, "storage");
  enum next then = save(c, GO_ON);
  if (then != GO_ON) return then;
  say("request %s: %u bytes with its key", state->renewal, (unsigned)state->prefix);
  return send_request(c, 0);
}

static bool holds_request(const struct conversation *c, const struct message *offer) {
  uint8_t byte;
  uint32_t total;
  const struct state *state = c->state;
  if (state->phase != REQUESTED && state->phase != FETCHING) return false;
  return strcmp(offer->renewal, state->renewal) == 0 && credential_request(state, 0, &byte, 1, &total) > 0;
}

static enum next request_is_wanted(struct conversation *c, const struct message *offer) {
  if (!holds_request(c, offer)) return make_request(c, offer->renewal);
  if (c->request_sent > 0) return GO_ON; // it is on its way
  c->state->phase = REQUESTED;
  enum next then = save(c, GO_ON);
  return then == GO_ON ? send_request(c, 0) : then;
}

enum next begin_again(struct conversation *c) {
  struct state *state = c->state;
  if (++c->begun_again > AGAIN_MAX) return give_up(c, state->renewal, "begun_again_too_often");
  if (state->phase == REQUESTED) return send_request(c, 0);
  state->received = 0;
  c->asked_until = 0;
  if (!credential_begin_again(state)) return give_up(c, state->renewal, "storage");
  enum next then = save(c, GO_ON);
  return then == GO_ON ? get(c) : then;
}

static enum next fetched(struct conversation *c) {
  struct state *state = c->state;
  const char *fault = credential_fault(state);
  if (fault && strcmp(fault, "sha256_mismatch") == 0 && c->begun_again == 0) return begin_again(c);
  if (fault) return give_up(c, state->renewal, fault);
  say("stored and checked: %u bytes", (unsigned)state->size);
  state->phase = STORED;
  enum next then = save(c, GO_ON);
  return then == GO_ON ? acknowledge(c, state->renewal, NULL) : then;
}

// The same replacement as the one that is being fetched, or was.
static bool is_same(const struct state *state, const struct message *offer) {
  if (state->phase == IDLE || state->phase == REQUESTED || strcmp(offer->renewal, state->renewal) != 0) return false;
  if (!message_has(offer, BIT(SIZE)) || offer->size != state->size) return false;
  if (state->has_sha256 != message_has(offer, BIT(SHA256))) return false;
  return !state->has_sha256 || memcmp(offer->sha256, state->sha256, SHA256_SIZE) == 0;
}

static enum next begin(struct conversation *c, const struct message *offer) {
  struct state *state = c->state;
  struct state new = {.sequence = state->sequence, .active = state->active, .phase = FETCHING, .size = offer->size};
  memcpy(new.renewal, offer->renewal, sizeof new.renewal);
  new.has_sha256 = message_has(offer, BIT(SHA256));
  if (new.has_sha256) memcpy(new.sha256, offer->sha256, SHA256_SIZE);
  if (offer->size == 0 || total_of(&new) > REPLACEMENT_MAX) return give_up(c, offer->renewal, "size");
  if (offer->mode == MODE_CSR && !holds_request(c, offer)) return make_request(c, offer->renewal);
  new.prefix = state->prefix;
  bool begun = offer->mode == MODE_RECERTIFY ? credential_begin_same_key(&new) : credential_begin_again(&new);
  if (!begun) return give_up(c, offer->renewal, "storage");
  *state = new;
  c->asked_until = 0;
  return save(c, GO_ON);
}

enum next on_offer(struct conversation *c, const struct message *offer) {
  struct state *state = c->state;
  if (!message_has(offer, BIT(RENEWAL) | BIT(MODE)) || c->ack_id != 0) return GO_ON;
  bool known = is_same(state, offer);
  c->hello_at = 0; // what it was to ask for is here
  // With the old credential, because the new one had no answer: nobody refused it, so it is next.
  if (state->phase == STORED && known) return acknowledge(c, state->renewal, NULL);
  if (state->phase == STORED && !c->other_refused) return RECONNECT;
  if (state->phase == REFUSED && !c->reported) return GO_ON;
  if (state->phase == ACTIVATED && strcmp(offer->renewal, state->renewal) == 0) return GO_ON;
  if (offer->mode != MODE_CSR && offer->mode != MODE_RECERTIFY) return give_up(c, offer->renewal, "mode");
  if (!message_has(offer, BIT(SIZE))) return offer->mode == MODE_CSR ? request_is_wanted(c, offer) : GO_ON; // GO_ON: not issued yet
  if (known && is_fetching(c)) return GO_ON; // its parts are on their way
  enum next then = known && state->phase == FETCHING ? GO_ON : begin(c, offer);
  if (then != GO_ON || state->phase != FETCHING) return then;
  say("offer %s: %u bytes, %u of them here", state->renewal, (unsigned)state->size, (unsigned)state->received);
  return state->received == total_of(state) ? fetched(c) : get(c);
}

enum next on_part(struct conversation *c, const struct message *part) {
  struct state *state = c->state;
  if (!message_has(part, BIT(RENEWAL) | BIT(OFFSET) | BIT(TOTAL) | BIT(BYTES))) return GO_ON;
  if (state->phase != FETCHING || strcmp(part->renewal, state->renewal) != 0) return GO_ON;
  if (part->offset != state->received) return GO_ON; // a repetition, or one after a part that was lost
  uint32_t total = total_of(state);
  if (part->total != total || part->bytes_size == 0 || part->bytes_size > total - part->offset) {
    // The replacement is another one by now: its offer says which.
    if (++c->begun_again > AGAIN_MAX) return give_up(c, state->renewal, "part");
    c->asked_until = 0;
    return say_hello(c);
  }
  if (!store_write_slot(!state->active, state->prefix + part->offset, part->bytes, part->bytes_size))
    return give_up(c, state->renewal, "storage");
  state->received += (uint32_t)part->bytes_size;
  enum next then = save(c, GO_ON);
  if (then != GO_ON) return then;
  if (state->received == total) return fetched(c);
  return state->received >= c->asked_until ? get(c) : GO_ON;
}
