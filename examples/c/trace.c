// Counts steps and prints lines.
#include "trace.h"

#include <stdarg.h>
#include <stdio.h>

#include "port.h"

static uint32_t steps, last, percent;
static bool tears;

void trace_end_after(uint32_t step, bool torn, uint32_t kept) { last = step, tears = torn, percent = kept; }

uint32_t trace_steps(void) { return steps; }

void trace_step(const char *kind, const char *what) {
  if (++steps != last) return;
  say("cut off after step %u: %s %s", (unsigned)steps, kind, what);
  port_cut_off();
}

bool trace_tears(uint32_t bytes, uint32_t *kept) {
  *kept = bytes * percent / 100;
  return tears && steps + 1 == last;
}

void say(const char *format, ...) {
  char line[160];
  va_list values;
  va_start(values, format);
  int size = vsnprintf(line, sizeof line - 1, format, values);
  va_end(values);
  if (size < 0) return;
  size_t end = (size_t)size < sizeof line - 1 ? (size_t)size : sizeof line - 2;
  line[end] = '\n';
  port_print(line, end + 1);
}
