// All that the client needs of the device it runs on. The core calls nothing else of the system, so these functions are what a port
// to an RTOS has to provide; port-posix.c has them for Linux.
#ifndef PORT_H
#define PORT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Places that outlast a power cut: on a device, a flash page each.
enum area {
  AREA_KEY,   // from the factory, read only: the key of every slot that holds none of its own; may be missing
  AREA_CA,    // from the factory, read only: the first root that the broker's certificate is verified with
  AREA_SLOT0, // a credential each
  AREA_SLOT1,
  AREA_STATE0, // a copy of the state record each
  AREA_STATE1,
  AREA_ROOT0, // a step each, with the root that it brought; one of them is free
  AREA_ROOT1,
  AREA_ROOT2,
  AREA_TRUST0, // a copy of the record of roots and ports each
  AREA_TRUST1,
};

// Reads the whole area. False when there is nothing, more than `capacity`, or a failure.
bool port_read(enum area area, uint8_t *into, size_t capacity, size_t *size);

// Writes bytes at an offset; at offset 0 the area is emptied first. They are on the medium when it returns true. A power cut may leave
// any part of them, and at offset 0 an empty area: the core expects that.
bool port_write(enum area area, uint32_t offset, const uint8_t *bytes, size_t size);

// One TCP connection at a time. Each call returns within `wait_ms`.
bool port_connect(const char *host, const char *service, uint32_t wait_ms);
int port_send(const uint8_t *bytes, size_t size, uint32_t wait_ms);  // @return bytes sent, 0 when none could be, -1 when the link broke
int port_receive(uint8_t *into, size_t size, uint32_t wait_ms);      // @return bytes received, 0 when none came, -1 when the link broke
void port_disconnect(void);

// Milliseconds since some moment; never goes back while the program runs.
uint64_t port_now_ms(void);

// Unix seconds. False on a device without a clock that outlasts a power cut.
bool port_clock(uint32_t *unix_s);

void port_sleep_ms(uint32_t ms);

// From the generator of the hardware: every key and every TLS session depends on it.
bool port_random(uint8_t *into, size_t size);

// Called in every loop and before everything that may block, for a second or so at most. A hardware watchdog is fed here.
void port_watchdog(void);

// One line for whoever watches, with its newline.
void port_print(const char *line, size_t size);

// Ends the program as a power cut would. Only a test asks for it.
_Noreturn void port_cut_off(void);
#endif
