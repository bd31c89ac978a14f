/* fuzz.h - runs one target of the fuzzers on one text. A target is tests/fuzz/NAME.lua: a function of
 * the text that raises when what must hold for every text does not; or, like "mask", one in C. */
#ifndef FUZZ_H
#define FUZZ_H
#include <stdbool.h>
#include <stddef.h>

struct fuzz;

/* The name must stay. NULL: there is no such target, or no memory; standard error says which. */
struct fuzz *fuzz_new(const char *target);
/* False: what must hold does not; standard error says what. */
bool fuzz_one(struct fuzz *f, const void *data, size_t len);
void fuzz_free(struct fuzz *f);
#endif
