// The memory that mbedTLS allocates from: one static block instead of a heap. `calloc` and `free` of everything linked in
// statically come here (see -Wl,--wrap in the Makefile); when the block is used up, a handshake fails and nothing else.
#ifndef ARENA_H
#define ARENA_H
#include <stddef.h>

// The most that was in use at once so far, in bytes, with what the keeping of books takes.
size_t arena_peak(void);
size_t arena_size(void);
#endif
