// What the program tells, and where a test may end it. Every message sent or received and every write carried out is a step; the
// program can be ended right after any of them, or in the middle of a write, as a power cut would.
#ifndef TRACE_H
#define TRACE_H
#include <stdbool.h>
#include <stdint.h>

// Ends the program after this step; 0 never does. With `tears`, if the step is a write, only `percent` of its bytes are written.
void trace_end_after(uint32_t step, bool tears, uint32_t percent);

// Counts a step, for example "sent", "PUBACK".
void trace_step(const char *kind, const char *what);

// How many of these bytes are written before the program is ended. @return false when the coming write is not to be torn
bool trace_tears(uint32_t bytes, uint32_t *kept);

uint32_t trace_steps(void);

// One line, as printf would write it.
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
#endif
