// What the port for Linux needs before the core starts.
#ifndef PORT_POSIX_H
#define PORT_POSIX_H
#include <stdbool.h>

// The folder that holds the areas as files.
bool posix_open(const char *folder);
#endif
