/* archive_names.c - the names of an archive; see archive_names.h. A table with open addressing that never
 * forgets. What it may hold is bounded, as the names come from somebody else. */
#include "archive_names.h"
#include "archive_name.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const size_t BYTES_MAX = 128 << 20;

struct archive_name {
  uint64_t hash;
  enum packed_kind kind;
  bool implied;  /* a folder that stands there only as the start of another name */
  size_t len;
  char path[];
};

/* FNV-1a from a start that nobody can know who chooses names that collide. */
static uint64_t hash_of(const struct archive_names *n, const char *path, size_t len)
{
  uint64_t hash = 0xcbf29ce484222325 ^ n->seed;
  for (size_t i = 0; i < len; i++)
    hash = (hash ^ (unsigned char)path[i]) * 0x100000001b3;
  return hash ^ hash >> 32;
}

/* Where the path is, or would be. */
static struct archive_name **slot_of(const struct archive_names *n, const char *path, size_t len, uint64_t hash)
{
  size_t at = hash & (n->size - 1);
  for (struct archive_name *a; (a = n->slots[at]); at = (at + 1) & (n->size - 1))
    if (a->hash == hash && a->len == len && memcmp(a->path, path, len) == 0)
      break;
  return &n->slots[at];
}

static bool grow(struct archive_names *n)
{
  if (2 * n->count < n->size)
    return true;
  struct archive_names wider = *n;
  wider.size = n->size ? 2 * n->size : 256;
  if (n->size == 0 && getrandom(&wider.seed, sizeof wider.seed, GRND_NONBLOCK) < 0)
    wider.seed = (uintptr_t)n;
  wider.slots = calloc(wider.size, sizeof *wider.slots);
  if (!wider.slots)
    return false;
  for (size_t i = 0; i < n->size; i++)
    if (n->slots[i])
      *slot_of(&wider, n->slots[i]->path, n->slots[i]->len, n->slots[i]->hash) = n->slots[i];
  free(n->slots);
  *n = wider;
  return true;
}

/* The name, which is made when it is new; NULL: no memory, or too many bytes. */
static struct archive_name *get(struct archive_names *n, const char *path, size_t len, bool *fresh)
{
  if (!grow(n))
    return NULL;
  uint64_t hash = hash_of(n, path, len);
  struct archive_name **slot = slot_of(n, path, len, hash);
  *fresh = !*slot;
  if (*slot)
    return *slot;
  size_t size = sizeof **slot + len + 1;
  if (size > BYTES_MAX - n->bytes || !(*slot = calloc(1, size)))
    return NULL;
  **slot = (struct archive_name){.hash = hash, .len = len};
  memcpy((*slot)->path, path, len);
  n->bytes += size;
  n->count++;
  return *slot;
}

static const char *too_many(void)
{
  return "the names so far take more than 128 MiB";
}

static const char *add_above(struct archive_names *n, const char *path)
{
  for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
    bool fresh;
    struct archive_name *a = get(n, path, (size_t)(slash - path), &fresh);
    if (!a)
      return too_many();
    if (fresh) {
      a->kind = PACKED_FOLDER;
      a->implied = true;
    }
    if (a->kind != PACKED_FOLDER)
      return a->kind == PACKED_LINK ? "it lies below a link" : "it lies below a file";
  }
  return NULL;
}

const char *archive_names_add(struct archive_names *n, const char *path, enum packed_kind kind)
{
  bool fresh;
  const char *why = add_above(n, path);
  if (why)
    return why;
  struct archive_name *a = get(n, path, strlen(path), &fresh);
  if (!a)
    return too_many();
  if (!fresh && !(a->implied && kind == PACKED_FOLDER))
    return "it stands there twice";
  a->kind = kind;
  a->implied = false;
  return NULL;
}

bool archive_names_has_file(const struct archive_names *n, const char *path)
{
  size_t len = strlen(path);
  if (n->size == 0)
    return false;
  const struct archive_name *a = *slot_of(n, path, len, hash_of(n, path, len));
  return a && a->kind == PACKED_FILE;
}

void archive_names_free(struct archive_names *n)
{
  for (size_t i = 0; i < n->size; i++)
    free(n->slots[i]);
  free(n->slots);
  *n = (struct archive_names){0};
}
