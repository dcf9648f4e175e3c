// Writes and reads MQTT packets in two static buffers. It never sends a packet larger than PACKET_MAX, and reads none.
#include "mqtt.h"

#include <stdio.h>
#include <string.h>

#include "trace.h"

#define KEEPALIVE_S 60
#define PING_MS 30000
#define REST_WAIT_MS 10000     // for the rest of a packet that has begun

// Codes of CONNACK (MQTT 3.1.1, 3.2.2.3).
enum { ACCEPTED = 0, OTHER_VERSION = 1, OTHER_CLIENT_ID = 2, UNAVAILABLE = 3 };

enum type { CONNECT = 1, CONNACK = 2, PUBLISH = 3, PUBACK = 4, SUBSCRIBE = 8, SUBACK = 9, PINGREQ = 12, PINGRESP = 13, DISCONNECT = 14 };

// A fixed header of three bytes carries remaining lengths up to 16,383: enough for any packet of ours.
#define HEADER_MAX 3

static uint8_t in[PACKET_MAX], out[PACKET_MAX];
static const char *device;
static uint16_t last_id;
static uint32_t answer_ms;
static bool pinged; // and not answered yet
static struct mqtt_counts counts;

const struct mqtt_counts *mqtt_counts(void) { return &counts; }

static enum mqtt_result from_link(enum link_result result) {
  return result == LINK_OK ? MQTT_OK : result == LINK_QUIET ? MQTT_QUIET : result == LINK_REFUSED ? MQTT_REFUSED : MQTT_LOST;
}

// The packet's body begins at out + HEADER_MAX; the fixed header is put right before it, however short it is.
static enum mqtt_result send_body(uint8_t type_and_flags, size_t size, const char *name) {
  uint8_t *start = out + HEADER_MAX;
  if (size < 128) {
    *--start = (uint8_t)size;
  } else {
    *--start = (uint8_t)(size >> 7);
    *--start = (uint8_t)(size & 0x7f) | 0x80;
  }
  *--start = type_and_flags;
  size_t whole = (size_t)(out + HEADER_MAX + size - start);
  if (whole > counts.largest_out) counts.largest_out = (uint32_t)whole;
  enum mqtt_result result = from_link(link_write(start, whole));
  if (result == MQTT_OK) trace_step("sent", name);
  return result;
}

static uint8_t *put_u16(uint8_t *at, uint16_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
  return at + 2;
}

static uint8_t *put_string(uint8_t *at, const char *text, size_t size) {
  at = put_u16(at, (uint16_t)size);
  memcpy(at, text, size);
  return at + size;
}

static uint16_t next_id(void) {
  if (++last_id == 0) last_id = 1;
  return last_id;
}

enum mqtt_result mqtt_connect(const char *id, uint32_t wait_ms) {
  static const uint8_t fixed[] = {0, 4, 'M', 'Q', 'T', 'T', 4, 0x02 /* clean session: what is owed is asked for */, 0, KEEPALIVE_S};
  device = id;
  last_id = 0;
  answer_ms = wait_ms;
  pinged = false;
  uint8_t *body = out + HEADER_MAX;
  memcpy(body, fixed, sizeof fixed);
  uint8_t *end = put_string(body + sizeof fixed, id, strlen(id));
  enum mqtt_result result = send_body(CONNECT << 4, (size_t)(end - body), "CONNECT");
  if (result != MQTT_OK) return result;
  uint8_t answer[4];
  result = from_link(link_read(answer, sizeof answer, answer_ms));
  if (result != MQTT_OK) return result == MQTT_QUIET ? MQTT_LOST : result;
  if (answer[0] != CONNACK << 4 || answer[1] != 2) return MQTT_BROKEN;
  trace_step("received", "CONNACK");
  if (answer[3] == ACCEPTED) return MQTT_OK;
  say("CONNACK %u", answer[3]);
  if (answer[3] == UNAVAILABLE) return MQTT_LOST;
  return answer[3] == OTHER_VERSION || answer[3] == OTHER_CLIENT_ID ? MQTT_BROKEN : MQTT_REFUSED;
}

// Topics are "$enroll/1/<device>/<word>".
static size_t topic(char *into, size_t capacity, const char *word) {
  int size = snprintf(into, capacity, "$enroll/1/%s/%s", device, word);
  return size > 0 && (size_t)size < capacity ? (size_t)size : 0;
}

enum mqtt_result mqtt_subscribe(uint16_t *id) {
  // The offer last: it is sent as soon as its topic is subscribed to.
  static const char *const words[] = {"error", "part", "done", "trust", "offer"};
  uint8_t *body = out + HEADER_MAX, *end = put_u16(body, *id = next_id());
  char name[PACKET_MAX];
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    size_t size = topic(name, sizeof name, words[i]);
    if (size == 0) return MQTT_BROKEN;
    if (end + 2 + size + 1 > out + PACKET_MAX) {
      if (end == body + 2) return MQTT_BROKEN;
      enum mqtt_result result = send_body(SUBSCRIBE << 4 | 2, (size_t)(end - body), "SUBSCRIBE");
      if (result != MQTT_OK) return result;
      end = put_u16(body, *id = next_id());
      if (end + 2 + size + 1 > out + PACKET_MAX) return MQTT_BROKEN;
    }
    end = put_string(end, name, size);
    *end++ = 1; // QoS
  }
  return send_body(SUBSCRIBE << 4 | 2, (size_t)(end - body), "SUBSCRIBE");
}

static const char *writing;
static uint8_t *payload_start;

size_t mqtt_room(const char *word) {
  struct writer message = mqtt_begin(word);
  return (size_t)(message.end - message.at);
}

struct writer mqtt_begin(const char *word) {
  char name[PACKET_MAX];
  uint8_t *body = out + HEADER_MAX;
  size_t size = topic(name, sizeof name, word);
  writing = word;
  if (size == 0 || 2 + size + 2 > PACKET_MAX - HEADER_MAX) {
    payload_start = body;
    return (struct writer){body, body, true};
  }
  payload_start = put_string(body, name, size) + 2;
  return (struct writer){payload_start, out + PACKET_MAX, false};
}

enum mqtt_result mqtt_publish(const struct writer *payload, uint16_t *id) {
  if (payload->full) return MQTT_BROKEN;
  *id = next_id();
  put_u16(payload_start - 2, *id);
  counts.publishes++;
  counts.payload_up += (uint32_t)(payload->at - payload_start);
  return send_body(PUBLISH << 4 | 2, (size_t)(payload->at - (out + HEADER_MAX)), writing);
}

enum mqtt_result mqtt_acknowledge(const struct mqtt_packet *packet) {
  put_u16(out + HEADER_MAX, packet->id);
  return send_body(PUBACK << 4, 2, "PUBACK");
}

enum mqtt_result mqtt_disconnect(void) { return send_body(DISCONNECT << 4, 0, "DISCONNECT"); }

static uint16_t get_u16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

// Splits a PUBLISH at QoS 1 into the topic's last level and the payload.
static enum mqtt_result take_publish(struct mqtt_packet *packet, uint8_t flags, const uint8_t *body, size_t size) {
  if ((flags & 0x06) != 0x02 || size < 2) return MQTT_BROKEN;
  size_t name_size = get_u16(body);
  if (2 + name_size + 2 > size) return MQTT_BROKEN;
  const uint8_t *name = body + 2, *end = name + name_size, *word = end;
  while (word > name && word[-1] != '/') word--;
  size_t word_size = (size_t)(end - word);
  if (word_size >= sizeof packet->word) return MQTT_BROKEN;
  memcpy(packet->word, word, word_size);
  packet->word[word_size] = 0;
  packet->id = get_u16(end);
  packet->payload = end + 2;
  packet->payload_size = size - (2 + name_size + 2);
  packet->kind = PACKET_PUBLISH;
  counts.payload_down += (uint32_t)packet->payload_size;
  trace_step("received", packet->word);
  return MQTT_OK;
}

static enum mqtt_result take(struct mqtt_packet *packet, const uint8_t *body, size_t size) {
  switch (in[0] >> 4) {
  case PUBLISH:
    return take_publish(packet, in[0] & 0x0f, body, size);
  case PUBACK:
  case SUBACK:
    if (size < 2) return MQTT_BROKEN;
    packet->kind = in[0] >> 4 == PUBACK ? PACKET_PUBACK : PACKET_SUBACK;
    packet->id = get_u16(body);
    for (size_t i = 2; packet->kind == PACKET_SUBACK && i < size; i++)
      if (body[i] > 1) return MQTT_BROKEN;
    trace_step("received", packet->kind == PACKET_PUBACK ? "PUBACK" : "SUBACK");
    return MQTT_OK;
  case PINGRESP:
    pinged = false;
    packet->kind = PACKET_OTHER;
    return MQTT_OK;
  default:
    return MQTT_BROKEN;
  }
}

// Reads the fixed header, and then the rest if it fits.
static enum mqtt_result receive(struct mqtt_packet *packet, uint32_t wait_ms) {
  enum mqtt_result result = from_link(link_read(in, 2, wait_ms));
  if (result != MQTT_OK) return result;
  size_t header = 2, size = in[1] & 0x7f;
  for (unsigned shift = 7; in[header - 1] & 0x80; shift += 7) {
    if (header == 5) return MQTT_BROKEN;
    if ((result = from_link(link_read(in + header, 1, REST_WAIT_MS))) != MQTT_OK) return MQTT_LOST;
    size |= (size_t)(in[header++] & 0x7f) << shift;
  }
  if (header + size > counts.largest_in) counts.largest_in = (uint32_t)(header + size);
  if (header + size > PACKET_MAX) return MQTT_TOO_LARGE;
  if (size > 0 && from_link(link_read(in + header, size, REST_WAIT_MS)) != MQTT_OK) return MQTT_LOST;
  return take(packet, in + header, size);
}

enum mqtt_result mqtt_receive(struct mqtt_packet *packet, uint32_t wait_ms) {
  while (wait_ms > PING_MS) {
    enum mqtt_result result = receive(packet, pinged && answer_ms < PING_MS ? answer_ms : PING_MS);
    if (result != MQTT_QUIET) return result;
    if (pinged) return MQTT_LOST;
    if ((result = send_body(PINGREQ << 4, 0, "PINGREQ")) != MQTT_OK) return result;
    pinged = true;
    wait_ms -= PING_MS;
  }
  return receive(packet, wait_ms);
}
