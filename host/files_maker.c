/* files_maker.c - who makes a file that has no place yet; see files_maker.h. */
#include "files_maker.h"
#include "store_holder.h"
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define PREFIX ".davit-"
enum { PART = 6, MAKER = 3 * PART, DIGITS = MAKER + PART, MASK = 0xffffff };

/* Of the machine and of the namespace that gives process numbers their meaning. */
static unsigned machine(void)
{
  char text[512];
  store_holder_host(text, 256);
  size_t len = strlen(text);
  ssize_t n = readlink("/proc/self/ns/pid", text + len, sizeof text - 1 - len);
  text[len + (n > 0 ? (size_t)n : 0)] = 0;
  unsigned h = 2166136261u;
  for (const char *c = text; *c; c++)
    h = (h ^ (unsigned char)*c) * 16777619u;
  return (h ^ h >> 24) & MASK;
}

/* The digits of a process of this machine. False: there is none. */
static bool maker(long pid, char text[MAKER + 1])
{
  double began = 0;
  bool there = store_holder_began(pid, &began);
  snprintf(text, MAKER + 1, "%0*x%0*x%0*x", PART, machine(), PART, (unsigned)pid & MASK, PART,
           (unsigned)(uint64_t)(began * 100) & MASK);
  return there;
}

char *files_name_beside(const char *path)
{
  const char *slash = strrchr(path, '/');
  char by[MAKER + 1], *name = NULL;
  uint32_t chance;
  (void)maker(getpid(), by);  /* without /proc nobody asks for it either */
  if (getrandom(&chance, sizeof chance, 0) != sizeof chance ||
      asprintf(&name, "%.*s" PREFIX "%s%0*" PRIx32, slash ? (int)(slash + 1 - path) : 0, path, by, PART,
               chance & MASK) < 0)
    return NULL;
  return name;
}

bool files_is_unplaced(const char *name)
{
  size_t n = strlen(PREFIX);
  return strncmp(name, PREFIX, n) == 0 && strlen(name + n) == DIGITS &&
         strspn(name + n, "0123456789abcdef") == DIGITS;
}

bool files_is_orphan(const char *name)
{
  const char *by = name + strlen(PREFIX);
  char self[MAKER + 1], pid[PART + 1] = "", lives[MAKER + 1];
  if (!files_is_unplaced(name) || !maker(getpid(), self) || strncmp(by, self, PART) != 0)
    return false;
  memcpy(pid, by + PART, PART);
  return !maker(strtol(pid, NULL, 16), lives) || strncmp(by, lives, MAKER) != 0;
}
