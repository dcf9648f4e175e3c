// Sleeps in slices, between which the watchdog is fed.
#include "wait.h"

#include "port.h"

#define SLICE_MS 1000
#define LONGEST_MS 300000

uint32_t jitter_ms(uint32_t up_to) {
  uint8_t raw[4];
  if (up_to == 0 || !port_random(raw, sizeof raw)) return 0;
  uint32_t value = raw[0] | (uint32_t)raw[1] << 8 | (uint32_t)raw[2] << 16 | (uint32_t)raw[3] << 24;
  return (uint32_t)((uint64_t)value * up_to >> 32);
}

uint32_t backoff_ms(uint32_t first_ms, uint32_t tries) {
  uint32_t full = first_ms;
  while (--tries > 0 && full < LONGEST_MS) full *= 2;
  if (full > LONGEST_MS) full = LONGEST_MS;
  return full / 2 + jitter_ms(full / 2);
}

void pause_ms(uint32_t ms) {
  for (uint64_t end = port_now_ms() + ms, now; (now = port_now_ms()) < end;) {
    port_watchdog();
    port_sleep_ms(end - now < SLICE_MS ? (uint32_t)(end - now) : SLICE_MS);
  }
  port_watchdog();
}
