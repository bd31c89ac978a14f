/* watched.h - what AddressSanitizer is told, where it watches the build.
 *
 * What is kept to be used again is neither freed nor in use: hidden, it is an error to touch it, as with
 * memory that was freed. */
#ifndef WATCHED_H
#define WATCHED_H
#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)  /* gcc's way to tell */
#define WATCHED 1
#elif defined(__has_feature)       /* clang's */
#if __has_feature(address_sanitizer)
#define WATCHED 1
#endif
#endif

#ifdef WATCHED
#include <sanitizer/asan_interface.h>
static inline void watched_hide(void *block, size_t size) { __asan_poison_memory_region(block, size); }
static inline void watched_show(void *block, size_t size) { __asan_unpoison_memory_region(block, size); }
static inline bool watched_is_hidden(void *block) { return __asan_address_is_poisoned(block); }
#else
#define WATCHED 0
static inline void watched_hide(void *block, size_t size) { (void)block, (void)size; }
static inline void watched_show(void *block, size_t size) { (void)block, (void)size; }
static inline bool watched_is_hidden(void *block) { return (void)block, false; }
#endif
#endif
