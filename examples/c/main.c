// The command line: reads the options, runs one renewal, prints what it cost.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "link.h"
#include "mqtt.h"
#include "port-posix.h"
#include "renewal.h"
#include "trace.h"

#define DEVICE_MAX 64

struct ending {
  uint32_t after, tear, percent;
};

static bool port_number(const char *text, uint16_t *into) {
  unsigned long port = strlen(text) < 6 ? strtoul(text, NULL, 10) : 0;
  *into = (uint16_t)port;
  return *text >= '0' && *text <= '9' && port > 0 && port <= 65535;
}

static bool number(const char *text, uint32_t *into) {
  if (*text < '0' || *text > '9' || strlen(text) > 6) return false;
  *into = (uint32_t)strtoul(text, NULL, 10);
  return true;
}

static uint32_t *place_of(const char *name, struct options *options, struct ending *end) {
  const struct {
    const char *name;
    uint32_t *into;
  } known[] = {
    {"--wait", &options->wait_s},       {"--answer", &options->answer_s},     {"--tries", &options->tries},
    {"--stretch", &options->stretch},   {"--announce", &options->announce}, {"--die-after", &end->after},
    {"--tear", &end->tear},             {"--percent", &end->percent},   {"--pause", &options->first_ms},
    {"--linger", &options->linger_ms},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(name, known[i].name) == 0) return known[i].into;
  return NULL;
}

static bool read_options(int count, char **words, struct options *options) {
  struct ending end = {.percent = 50};
  for (int i = 5; i < count; i += 2) {
    uint32_t *into = place_of(words[i], options, &end);
    if (!into || i + 1 == count || !number(words[i + 1], into)) return false;
  }
  trace_end_after(end.tear > 0 ? end.tear : end.after, end.tear > 0, end.percent < 100 ? end.percent : 99);
  const uint32_t seconds[] = {options->wait_s, options->answer_s};
  for (size_t i = 0; i < 2; i++)
    if (seconds[i] == 0 || seconds[i] > 3600) return false;
  return strlen(options->device) <= DEVICE_MAX && options->tries > 0 && options->first_ms > 0;
}

int main(int count, char **words) {
  struct options options = {.announce = PACKET_MAX, .wait_s = 60, .answer_s = 30, .linger_ms = 1000, .tries = 6, .first_ms = 2000};
  if (count >= 5) options.host = words[1], options.device = words[3];
  if (count < 5 || !port_number(words[2], &options.port) || !read_options(count, words, &options)) {
    say("usage: renew HOST PORT ID FOLDER [--wait S] [--answer S] [--tries N] [--pause MS] [--linger MS]");
    say("       for tests: [--stretch BYTES] [--announce BYTES] [--die-after STEPS] [--tear STEPS] [--percent N]");
    return USAGE;
  }
  if (!posix_open(words[4]) || !link_start()) {
    say("the folder %s cannot be read, or there are no random numbers", words[4]);
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
