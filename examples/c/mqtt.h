// As much of MQTT 3.1.1 as a device needs to renew its certificate. One packet is held at a time in each direction, each in a
// static buffer of PACKET_MAX bytes; a larger one is not read.
#ifndef MQTT_H
#define MQTT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbor.h"
#include "link.h"

// The whole of a packet, with its header and topic. What is announced in `hello`.
#ifndef PACKET_MAX
#define PACKET_MAX 256
#endif
// From some 700 bytes on, a broker may send `cert` instead of an offer to fetch from, which this client has no use for.
_Static_assert(PACKET_MAX >= 128 && PACKET_MAX <= 512, "the protocol allows 128 bytes or more, and talk.c expects 512 or less");

enum mqtt_result {
  MQTT_OK,
  MQTT_QUIET,     // nothing came within the time
  MQTT_LOST,      // the link broke, or what must be answered at once was not
  MQTT_REFUSED,   // CONNACK or an alert of TLS said no to the credential
  MQTT_TOO_LARGE, // a packet larger than PACKET_MAX was announced; nothing of it was read
  MQTT_BROKEN,    // what came is not MQTT, what was to be sent does not fit, or the client id is wrong
};

struct mqtt_packet {
  enum { PACKET_PUBLISH, PACKET_PUBACK, PACKET_SUBACK, PACKET_OTHER } kind;
  uint16_t id;
  char word[8]; // the last level of a PUBLISH's topic
  const uint8_t *payload;
  size_t payload_size;
};

struct mqtt_counts {
  uint32_t publishes;                // of ours
  uint32_t payload_up, payload_down; // bytes
  uint32_t largest_in, largest_out;  // packets, bytes
};

const struct mqtt_counts *mqtt_counts(void);

// The device's id is the client id, and the second last level of every topic. CONNACK and PINGRESP must come within `answer_ms`.
enum mqtt_result mqtt_connect(const char *device, uint32_t answer_ms);

// Subscribes to the words of the broker, in as many packets as they need. `id` is what the last SUBACK will carry.
enum mqtt_result mqtt_subscribe(uint16_t *id);

// Room in the next message after its topic, in bytes.
size_t mqtt_room(const char *word);

// A writer for the payload of the next message, straight into its packet.
struct writer mqtt_begin(const char *word);

// Sends what was written, at QoS 1. `id` is what its PUBACK will carry.
enum mqtt_result mqtt_publish(const struct writer *payload, uint16_t *id);

// Waits for one packet. Pings by itself when the line is quiet for long.
enum mqtt_result mqtt_receive(struct mqtt_packet *packet, uint32_t wait_ms);

// Acknowledges a PUBLISH.
enum mqtt_result mqtt_acknowledge(const struct mqtt_packet *packet);

enum mqtt_result mqtt_disconnect(void);
#endif
