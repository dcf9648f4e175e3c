// The command line: reads the options, runs one renewal, prints what it cost.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "link.h"
#include "mqtt.h"
#include "renewal.h"
#include "store.h"
#include "trace.h"

#define DEVICE_MAX 64

static bool number(const char *text, uint32_t *into) {
  if (*text < '0' || *text > '9' || strlen(text) > 6) return false;
  *into = (uint32_t)strtoul(text, NULL, 10);
  return true;
}

static bool read_options(int count, char **words, struct options *options) {
  uint32_t end = 0;
  for (int i = 5; i < count; i += 2) {
    uint32_t *into = strcmp(words[i], "--die-after") == 0  ? &end
                     : strcmp(words[i], "--stretch") == 0  ? &options->stretch
                     : strcmp(words[i], "--announce") == 0 ? &options->announce
                     : strcmp(words[i], "--wait") == 0     ? &options->wait_s
                                                           : NULL;
    if (!into || i + 1 == count || !number(words[i + 1], into)) return false;
  }
  trace_end_after(end);
  return strlen(options->device) <= DEVICE_MAX && options->wait_s > 0 && options->wait_s <= 3600;
}

int main(int count, char **words) {
  struct options options = {.announce = PACKET_MAX, .wait_s = 30};
  if (count >= 5) options.host = words[1], options.port = words[2], options.device = words[3];
  if (count < 5 || !read_options(count, words, &options)) {
    say("usage: recertify HOST PORT ID FOLDER [--wait SECONDS] [--stretch BYTES] [--announce BYTES] [--die-after STEPS]");
    return USAGE;
  }
  if (!store_open(words[4]) || !link_start()) {
    say("%s has no key.der and ca.der that can be read", words[4]);
    return FAILED;
  }
  enum outcome outcome = renew(&options);
  const struct mqtt_counts *counts = mqtt_counts();
  say("steps %u, publishes %u, payload up %u down %u bytes", (unsigned)trace_steps(), (unsigned)counts->publishes,
      (unsigned)counts->payload_up, (unsigned)counts->payload_down);
  say("largest packet in %u out %u, arena %u of %u bytes", (unsigned)counts->largest_in, (unsigned)counts->largest_out,
      (unsigned)arena_peak(), (unsigned)arena_size());
  return (int)outcome;
}
