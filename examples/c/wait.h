// Waiting: with the watchdog fed, and never for the same time as the rest of a fleet.
#ifndef WAIT_H
#define WAIT_H
#include <stdint.h>

// A random part of this.
uint32_t jitter_ms(uint32_t up_to);

// Before the n-th try again, from 1 on: `first_ms`, then twice as long each time, up to five minutes; between half of that and all of it.
uint32_t backoff_ms(uint32_t first_ms, uint32_t tries);

void pause_ms(uint32_t ms);
#endif
