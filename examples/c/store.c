// Keeps slots, places and records in the areas of the port. A copy of a record counts when its CRC is right, so that no write must be atomic.
#include "store.h"

#include <string.h>

#include "port.h"
#include "trace.h"

#define NUMBERS_AT (4 + 4 + 4 + RENEWAL_MAX)
#define CRC_AT (NUMBERS_AT + 5 * 4 + SHA256_SIZE)
#define STATE_SIZE (CRC_AT + 4)

#define ROOTS_AT (4 + 4 + 4 + 4 + 2 * PORTS_MAX + 8)
#define ROOT_RECORD (2 + 8 + 8 + SHA256_SIZE)
#define TRUST_CRC_AT (ROOTS_AT + ROOTS_MAX * ROOT_RECORD)
#define TRUST_SIZE (TRUST_CRC_AT + 4)

static const uint8_t magic[4] = {'n', 'l', 's', '2'};
static const uint8_t trust_magic[4] = {'n', 'l', 't', '1'};
static const char *const names[] = {"key", "ca", "slot0", "slot1", "state", "state", "root", "root", "root", "trust", "trust"};

uint8_t store_bytes[SLOT_SIZE];

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

static void put_u16(uint8_t *to, uint16_t value) {
  to[0] = (uint8_t)value;
  to[1] = (uint8_t)(value >> 8);
}

static void put_u64(uint8_t *to, uint64_t value) {
  put_u32(to, (uint32_t)value);
  put_u32(to + 4, (uint32_t)(value >> 32));
}

static uint32_t get_u32(const uint8_t *from) {
  return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static uint16_t get_u16(const uint8_t *from) { return (uint16_t)(from[0] | from[1] << 8); }

static uint64_t get_u64(const uint8_t *from) { return get_u32(from) | (uint64_t)get_u32(from + 4) << 32; }

// CRC-32 as in Ethernet and zip.
static uint32_t crc32(const uint8_t *bytes, size_t size) {
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

// Reads a copy of a record, whose CRC is its end.
static bool read_copy(enum area area, const uint8_t begins[4], uint8_t *raw, size_t whole) {
  size_t size;
  if (!port_read(area, raw, whole, &size) || size != whole) return false;
  return memcmp(raw, begins, 4) == 0 && get_u32(raw + whole - 4) == crc32(raw, whole - 4);
}

// The newer of two sequence numbers, also where they wrapped around.
static bool is_newer(uint32_t one, uint32_t other) { return (int32_t)(one - other) > 0; }

static bool load_copy(enum area area, struct state *state) {
  uint8_t raw[STATE_SIZE];
  memset(state, 0, sizeof *state);
  if (!read_copy(area, magic, raw, sizeof raw)) return false;
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
  if (!valid || is_newer(other.sequence, state->sequence)) *state = other;
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

static enum area area_of_place(uint8_t place) { return place < PLACES ? (enum area)(AREA_ROOT0 + place) : AREA_CA; }

bool store_read_place(uint8_t place, size_t *size) { return port_read(area_of_place(place), store_bytes, sizeof store_bytes, size); }

bool store_write_place(uint8_t place, uint32_t offset, const uint8_t *bytes, size_t size) {
  return place < PLACES && offset + size <= STEP_MAX && put(area_of_place(place), offset, bytes, size);
}

// Only what a store can hold: later code need not ask again.
static bool is_sound(const struct trust *trust) {
  bool stays = false;
  if (trust->count < 1 || trust->count > ROOTS_MAX || trust->committed >= trust->count || trust->committed_port == 0) return false;
  for (uint8_t i = 0; i < trust->count; i++) {
    if (trust->roots[i].place > PLACE_FACTORY) return false;
    stays = stays || !trust->roots[i].leaving;
  }
  return stays;
}

static bool load_trust_copy(enum area area, struct trust *trust) {
  uint8_t raw[TRUST_SIZE];
  memset(trust, 0, sizeof *trust);
  if (!read_copy(area, trust_magic, raw, sizeof raw)) return false;
  trust->copy = get_u32(raw + 4);
  trust->count = raw[8];
  trust->committed = raw[9];
  trust->untried = raw[10] & 1;
  trust->announced = get_u16(raw + 12);
  trust->committed_port = get_u16(raw + 14);
  for (size_t i = 0; i < PORTS_MAX; i++) trust->ports[i] = get_u16(raw + 16 + 2 * i);
  trust->last_step = get_u64(raw + 16 + 2 * PORTS_MAX);
  for (size_t i = 0; i < ROOTS_MAX; i++) {
    const uint8_t *from = raw + ROOTS_AT + i * ROOT_RECORD;
    struct root *root = &trust->roots[i];
    *root = (struct root){.place = from[0], .leaving = from[1] & 1, .sequence = get_u64(from + 2), .brought_by = get_u64(from + 10)};
    memcpy(root->sha256, from + 18, SHA256_SIZE);
  }
  return is_sound(trust);
}

bool store_load_trust(struct trust *trust) {
  struct trust other;
  bool valid = load_trust_copy(AREA_TRUST0, trust);
  if (load_trust_copy(AREA_TRUST1, &other) && (!valid || is_newer(other.copy, trust->copy))) *trust = other, valid = true;
  return valid;
}

bool store_save_trust(struct trust *trust) {
  uint8_t raw[TRUST_SIZE] = {0};
  trust->copy++;
  memcpy(raw, trust_magic, sizeof trust_magic);
  put_u32(raw + 4, trust->copy);
  raw[8] = trust->count;
  raw[9] = trust->committed;
  raw[10] = trust->untried;
  put_u16(raw + 12, trust->announced);
  put_u16(raw + 14, trust->committed_port);
  for (size_t i = 0; i < PORTS_MAX; i++) put_u16(raw + 16 + 2 * i, trust->ports[i]);
  put_u64(raw + 16 + 2 * PORTS_MAX, trust->last_step);
  for (size_t i = 0; i < trust->count; i++) {
    uint8_t *to = raw + ROOTS_AT + i * ROOT_RECORD;
    const struct root *root = &trust->roots[i];
    to[0] = root->place;
    to[1] = root->leaving;
    put_u64(to + 2, root->sequence);
    put_u64(to + 10, root->brought_by);
    memcpy(to + 18, root->sha256, SHA256_SIZE);
  }
  put_u32(raw + TRUST_CRC_AT, crc32(raw, TRUST_CRC_AT));
  return put(trust->copy & 1 ? AREA_TRUST1 : AREA_TRUST0, 0, raw, sizeof raw);
}
