// Keeps slots and state in the areas of the port. A copy of the state counts when its CRC is right, so that no write must be atomic.
#include "store.h"

#include <string.h>

#include "port.h"
#include "trace.h"

#define NUMBERS_AT (4 + 4 + 4 + RENEWAL_MAX)
#define CRC_AT (NUMBERS_AT + 5 * 4 + SHA256_SIZE)
#define STATE_SIZE (CRC_AT + 4)

static const uint8_t magic[4] = {'n', 'l', 's', '2'};
static const char *const names[] = {"key", "ca", "slot0", "slot1", "state", "state"};

static bool put(enum area area, uint32_t offset, const uint8_t *bytes, size_t size) {
  uint32_t kept;
  port_watchdog();
  if (trace_tears((uint32_t)size, &kept)) {
    port_write(area, offset, bytes, kept);
    trace_step("tore", names[area]);
  }
  if (!port_write(area, offset, bytes, size)) return false;
  trace_step("wrote", names[area]);
  return true;
}

static enum area area_of(uint8_t slot) { return slot == 0 ? AREA_SLOT0 : AREA_SLOT1; }

bool store_read_slot(uint8_t slot, uint8_t *into, size_t *size) { return port_read(area_of(slot), into, SLOT_SIZE, size); }

bool store_write_slot(uint8_t slot, uint32_t offset, const uint8_t *bytes, size_t size) {
  return offset + size <= SLOT_SIZE && put(area_of(slot), offset, bytes, size);
}

static void put_u32(uint8_t *to, uint32_t value) {
  for (int i = 0; i < 4; i++) to[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get_u32(const uint8_t *from) {
  return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

// CRC-32 as in Ethernet and zip.
static uint32_t crc32(const uint8_t *bytes, size_t size) {
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

static bool load_copy(enum area area, struct state *state) {
  uint8_t raw[STATE_SIZE];
  size_t size;
  memset(state, 0, sizeof *state);
  if (!port_read(area, raw, sizeof raw, &size) || size != sizeof raw) return false;
  if (memcmp(raw, magic, sizeof magic) != 0 || get_u32(raw + CRC_AT) != crc32(raw, CRC_AT)) return false;
  if (raw[8] > 1 || raw[9] > REQUESTED) return false;
  state->sequence = get_u32(raw + 4);
  state->active = raw[8];
  state->phase = raw[9];
  state->has_sha256 = raw[10] & 1;
  state->rests = raw[10] & 2;
  state->forward = raw[10] & 4;
  memcpy(state->renewal, raw + 12, RENEWAL_MAX);
  uint32_t *const numbers[] = {&state->size, &state->received, &state->prefix, &state->retry_after, &state->retry_from};
  for (size_t i = 0; i < 5; i++) *numbers[i] = get_u32(raw + NUMBERS_AT + 4 * i);
  memcpy(state->sha256, raw + NUMBERS_AT + 20, SHA256_SIZE);
  return state->size <= REPLACEMENT_MAX && state->received <= REPLACEMENT_MAX && state->prefix <= SLOT_SIZE - REPLACEMENT_MAX;
}

bool store_load(struct state *state) {
  struct state other;
  bool valid = load_copy(AREA_STATE0, state);
  if (!load_copy(AREA_STATE1, &other)) {
    if (!valid) memset(state, 0, sizeof *state);
    return valid;
  }
  // The newer of two sequence numbers, also where they wrapped around.
  if (!valid || (int32_t)(other.sequence - state->sequence) > 0) *state = other;
  return true;
}

bool store_save(struct state *state) {
  uint8_t raw[STATE_SIZE] = {0};
  state->sequence++;
  memcpy(raw, magic, sizeof magic);
  put_u32(raw + 4, state->sequence);
  raw[8] = state->active;
  raw[9] = state->phase;
  raw[10] = (uint8_t)(state->has_sha256 | state->rests << 1 | state->forward << 2);
  memcpy(raw + 12, state->renewal, RENEWAL_MAX);
  const uint32_t numbers[] = {state->size, state->received, state->prefix, state->retry_after, state->retry_from};
  for (size_t i = 0; i < 5; i++) put_u32(raw + NUMBERS_AT + 4 * i, numbers[i]);
  memcpy(raw + NUMBERS_AT + 20, state->sha256, SHA256_SIZE);
  put_u32(raw + CRC_AT, crc32(raw, CRC_AT));
  return put(state->sequence & 1 ? AREA_STATE1 : AREA_STATE0, 0, raw, sizeof raw);
}
