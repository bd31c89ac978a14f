/* mask_case.h - one case of the masker against a naive one that compares at every place. The bytes
 * decide on secrets, text, cuts, and when secrets are added. */
#ifndef MASK_CASE_H
#define MASK_CASE_H
#include <stdbool.h>
#include <stddef.h>

/* False: the masker wrote something else than the naive one, at some cut; standard error says what. */
bool mask_case_holds(const void *data, size_t len);
#endif
