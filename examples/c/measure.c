// Runs the client on a stack of its own that was painted before, and prints how much of it lost its paint.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK_SIZE (256 * 1024)
#define PAINT 0xa5

int client_main(int count, char **words);

static uint8_t stack[STACK_SIZE];
static ucontext_t ours, theirs;
static int argument_count, code;
static char **arguments;

static void run(void) { code = client_main(argument_count, arguments); }

int main(int count, char **words) {
  memset(stack, PAINT, sizeof stack);
  argument_count = count;
  arguments = words;
  getcontext(&theirs);
  theirs.uc_stack.ss_sp = stack;
  theirs.uc_stack.ss_size = sizeof stack;
  theirs.uc_link = &ours;
  makecontext(&theirs, run, 0);
  swapcontext(&ours, &theirs);
  size_t untouched = 0;
  while (untouched < sizeof stack && stack[untouched] == PAINT) untouched++;
  printf("stack %zu bytes\n", sizeof stack - untouched);
  return code;
}
