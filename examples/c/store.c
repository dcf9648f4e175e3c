// Keeps slots and state as files of one folder. Nothing counts as written before it is on the disk.
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "trace.h"

#define STATE_SIZE (4 + 4 + RENEWAL_MAX + 4 + 4 + SHA256_SIZE)

static int folder = -1;
static const uint8_t magic[4] = {'n', 'l', 's', '1'};
static const char *const slots[2] = {"slot0.der", "slot1.der"};

bool store_open(const char *path) {
  folder = open(path, O_RDONLY | O_DIRECTORY);
  return folder >= 0;
}

bool store_read(const char *name, uint8_t *into, size_t capacity, size_t *size) {
  int file = openat(folder, name, O_RDONLY);
  if (file < 0) return false;
  ssize_t got = 0;
  for (*size = 0; *size < capacity; *size += (size_t)got) {
    got = read(file, into + *size, capacity - *size);
    if (got <= 0) break;
  }
  uint8_t beyond;
  bool whole = got >= 0 && (*size < capacity || read(file, &beyond, 1) == 0);
  close(file);
  return whole;
}

bool store_read_slot(uint8_t slot, uint8_t *into, size_t capacity, size_t *size) {
  return store_read(slots[slot & 1], into, capacity, size);
}

static bool put(int file, off_t offset, const uint8_t *bytes, size_t size) {
  if (file < 0) return false;
  bool done = pwrite(file, bytes, size, offset) == (ssize_t)size && fsync(file) == 0;
  return close(file) == 0 && done;
}

bool store_write_slot(uint8_t slot, uint32_t offset, const uint8_t *bytes, size_t size) {
  const char *name = slots[slot & 1];
  int flags = O_WRONLY | O_CREAT | (offset == 0 ? O_TRUNC : 0);
  if (!put(openat(folder, name, flags, 0600), (off_t)offset, bytes, size)) return false;
  if (offset == 0 && fsync(folder) != 0) return false;
  trace_step("wrote", name);
  return true;
}

static void put_u32(uint8_t *to, uint32_t value) {
  for (int i = 0; i < 4; i++) to[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get_u32(const uint8_t *from) {
  return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

bool store_load(struct state *state) {
  uint8_t raw[STATE_SIZE];
  size_t size;
  memset(state, 0, sizeof *state);
  errno = 0;
  if (!store_read("state", raw, sizeof raw, &size)) return errno == ENOENT;
  if (size != sizeof raw || memcmp(raw, magic, sizeof magic) != 0) return false;
  const uint8_t *renewal = raw + 8, *numbers = renewal + RENEWAL_MAX;
  if (raw[4] > 1 || raw[5] > ACTIVATED) return false;
  state->active = raw[4];
  state->phase = raw[5];
  state->refusals = raw[6];
  state->has_sha256 = raw[7] == 1;
  memcpy(state->renewal, renewal, RENEWAL_MAX);
  state->size = get_u32(numbers);
  state->received = get_u32(numbers + 4);
  memcpy(state->sha256, numbers + 8, SHA256_SIZE);
  return state->size <= SLOT_SIZE && state->received <= SLOT_SIZE;
}

bool store_save(const struct state *state) {
  uint8_t raw[STATE_SIZE] = {0};
  uint8_t *renewal = raw + 8, *numbers = renewal + RENEWAL_MAX;
  memcpy(raw, magic, sizeof magic);
  raw[4] = state->active;
  raw[5] = state->phase;
  raw[6] = state->refusals;
  raw[7] = state->has_sha256;
  memcpy(renewal, state->renewal, RENEWAL_MAX);
  put_u32(numbers, state->size);
  put_u32(numbers + 4, state->received);
  memcpy(numbers + 8, state->sha256, SHA256_SIZE);
  if (!put(openat(folder, "state.new", O_WRONLY | O_CREAT | O_TRUNC, 0600), 0, raw, sizeof raw)) return false;
  if (renameat(folder, "state.new", folder, "state") != 0 || fsync(folder) != 0) return false;
  trace_step("wrote", "state");
  return true;
}
