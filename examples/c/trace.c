// Writes straight to the descriptor, for a stream's buffer would come from the heap and be lost in a cut.
#include "trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static uint32_t steps, last;

void trace_end_after(uint32_t step) { last = step; }

uint32_t trace_steps(void) { return steps; }

void trace_step(const char *kind, const char *what) {
  if (++steps != last) return;
  say("cut off after step %u: %s %s", (unsigned)steps, kind, what);
  _exit(EXIT_CUT_OFF);
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
  if (write(STDOUT_FILENO, line, end + 1) < 0) return;
}
