// A first-fit allocator in one static block. It serves one thread, and ends the program when what it is told to free was never
// given out: going on would spoil what TLS keeps here.
#include "arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Debian builds mbedTLS with two record buffers of 16 KB each; a build of one's own needs a quarter of this.
#define ARENA_SIZE (64 * 1024)
#define UNIT 16

struct block {
  size_t size; // with this head, a multiple of UNIT
  uint32_t in_use;
  uint32_t mark;
};
_Static_assert(sizeof(struct block) <= UNIT, "a head must fit into one unit");

static const uint32_t mark = 0x6e6f6c61;
static _Alignas(UNIT) uint8_t arena[ARENA_SIZE];
static size_t in_use, peak;

size_t arena_peak(void) { return peak; }
size_t arena_size(void) { return ARENA_SIZE; }

static struct block *first(void) {
  struct block *block = (void *)arena;
  if (block->mark != mark) *block = (struct block){ARENA_SIZE, 0, mark};
  return block;
}

static struct block *after(struct block *block) {
  uint8_t *end = (uint8_t *)block + block->size;
  return end == arena + ARENA_SIZE ? NULL : (void *)end;
}

static void join_with_free_ones_after(struct block *block) {
  for (struct block *next = after(block); next && !next->in_use; next = after(block)) block->size += next->size;
}

static void split(struct block *block, size_t size) {
  if (block->size - size < 2 * UNIT) return;
  struct block *rest = (void *)((uint8_t *)block + size);
  *rest = (struct block){block->size - size, 0, mark};
  block->size = size;
}

// The names that the linker gives to calls of calloc and free.
void *__wrap_calloc(size_t count, size_t each);
void __wrap_free(void *given);

void *__wrap_calloc(size_t count, size_t each) {
  if (each != 0 && count > ARENA_SIZE / each) return NULL;
  size_t size = (count * each + 2 * UNIT - 1) / UNIT * UNIT;
  for (struct block *block = first(); block; block = after(block)) {
    if (block->in_use) continue;
    join_with_free_ones_after(block);
    if (block->size < size) continue;
    split(block, size);
    block->in_use = 1;
    in_use += block->size;
    if (in_use > peak) peak = in_use;
    return memset((uint8_t *)block + UNIT, 0, block->size - UNIT);
  }
  return NULL;
}

void __wrap_free(void *given) {
  if (!given) return;
  struct block *block = (void *)((uint8_t *)given - UNIT);
  if ((uint8_t *)given < arena + UNIT || (uint8_t *)given >= arena + ARENA_SIZE || block->mark != mark || !block->in_use) abort();
  // It may have held a key. Volatile, so that the compiler does not drop it.
  for (volatile uint8_t *byte = given, *end = (uint8_t *)block + block->size; byte < end; byte++) *byte = 0;
  block->in_use = 0;
  in_use -= block->size;
}
