// What the program tells, and where a test may end it. Every message sent or received and every write carried out is a step;
// the program can be ended right after any of them, as a power cut would.
#ifndef TRACE_H
#define TRACE_H
#include <stdint.h>

#define EXIT_CUT_OFF 99

// Ends the program after this step; 0 never does.
void trace_end_after(uint32_t step);

// Counts a step, for example "sent", "PUBACK".
void trace_step(const char *kind, const char *what);

uint32_t trace_steps(void);

// One line on standard output, as printf would write it.
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
#endif
