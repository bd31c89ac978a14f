/* entry.c - where libFuzzer, and AFL++ with its driver for the same interface, come in. The target is the
 * value of the variable FUZZ. */
#include "fuzz.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static struct fuzz *target;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
  (void)argc, (void)argv;
  const char *name = getenv("FUZZ");
  target = name ? fuzz_new(name) : NULL;
  if (!target) {
    fprintf(stderr, "fuzz: FUZZ names no target of tests/fuzz\n");
    exit(2);
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (!fuzz_one(target, data, size))
    abort();
  return 0;
}
