// The port for Linux and its like: areas are files of one folder, the watchdog is SIGALRM.
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "port-posix.h"
#include "port.h"

#ifndef WATCHDOG_S
#define WATCHDOG_S 30
#endif

static int folder = -1, connection = -1;

bool posix_open(const char *path) {
  signal(SIGPIPE, SIG_IGN);
  folder = open(path, O_RDONLY | O_DIRECTORY);
  return folder >= 0;
}

static const char *name_of(enum area area) {
  static const char *const names[] = {"key.der", "ca.der", "slot0.der", "slot1.der", "state0", "state1",
                                      "root0",   "root1",  "root2",     "trust0",    "trust1"};
  return names[area];
}

bool port_read(enum area area, uint8_t *into, size_t capacity, size_t *size) {
  int file = openat(folder, name_of(area), O_RDONLY);
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

bool port_write(enum area area, uint32_t offset, const uint8_t *bytes, size_t size) {
  int file = openat(folder, name_of(area), O_WRONLY | O_CREAT | (offset == 0 ? O_TRUNC : 0), 0600);
  if (file < 0) return false;
  bool done = pwrite(file, bytes, size, (off_t)offset) == (ssize_t)size && fsync(file) == 0;
  done = close(file) == 0 && done;
  return done && (offset > 0 || fsync(folder) == 0);
}

static bool ready(short events, uint32_t wait_ms) {
  struct pollfd one = {.fd = connection, .events = events};
  return poll(&one, 1, (int)wait_ms) > 0;
}

static bool connects(const struct addrinfo *to, uint32_t wait_ms) {
  int error = 0;
  socklen_t size = sizeof error;
  connection = socket(to->ai_family, to->ai_socktype, to->ai_protocol);
  if (connection < 0) return false;
  fcntl(connection, F_SETFL, O_NONBLOCK);
  if (connect(connection, to->ai_addr, to->ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS || !ready(POLLOUT, wait_ms)) return false;
  return getsockopt(connection, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

// The look-up of the name has time-outs of its own, which only the watchdog shortens.
bool port_connect(const char *host, const char *service, uint32_t wait_ms) {
  struct addrinfo *found, wanted = {.ai_socktype = SOCK_STREAM};
  if (getaddrinfo(host, service, &wanted, &found) != 0) return false;
  uint64_t end = port_now_ms() + wait_ms;
  bool connected = false;
  for (const struct addrinfo *to = found; to && !connected; to = to->ai_next) {
    uint64_t now = port_now_ms();
    connected = connects(to, now < end ? (uint32_t)(end - now) : 0);
    if (!connected) port_disconnect();
  }
  freeaddrinfo(found);
  return connected;
}

static int moved(ssize_t bytes) {
  if (bytes > 0) return (int)bytes;
  return bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
}

int port_send(const uint8_t *bytes, size_t size, uint32_t wait_ms) {
  return ready(POLLOUT, wait_ms) ? moved(send(connection, bytes, size, 0)) : 0;
}

int port_receive(uint8_t *into, size_t size, uint32_t wait_ms) {
  return ready(POLLIN, wait_ms) ? moved(recv(connection, into, size, 0)) : 0;
}

void port_disconnect(void) {
  if (connection >= 0) close(connection);
  connection = -1;
}

uint64_t port_now_ms(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000;
}

bool port_clock(uint32_t *unix_s) {
#ifdef NO_CLOCK
  (void)unix_s;
  return false;
#else
  *unix_s = (uint32_t)time(NULL);
  return true;
#endif
}

void port_sleep_ms(uint32_t ms) {
  struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  nanosleep(&pause, NULL);
}

bool port_random(uint8_t *into, size_t size) { return getentropy(into, size) == 0; }

void port_watchdog(void) { alarm(WATCHDOG_S); }

void port_print(const char *line, size_t size) {
  // Straight to the descriptor: a stream's buffer would come from the heap and be lost in a cut.
  if (write(STDOUT_FILENO, line, size) < 0) return;
}

_Noreturn void port_cut_off(void) { _exit(99); }
