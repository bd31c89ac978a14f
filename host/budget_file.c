/* budget_file.c - the ledger of budget.h: accounts in memory, or in a file under flock().
 *
 * Accounts stand in sets of eight, of which a key has one; when it is full, the account that was used
 * longest ago gives way. A set is a page, read at once; an account is written by one call, which a signal
 * does not cut in half.
 *
 * Invariant: the lock is held inside of take() and tell() only, so that nobody waits long for it and
 * nothing is lost with its holder. */
#include "budget.h"
#include "buf.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SETS = 16, WAYS = 8, PLACE = 512, TRIES = 4 };

_Static_assert(sizeof(struct budget_account) <= PLACE, "an account fits its place");

struct place {
  union {
    struct budget_account account;
    char bytes[PLACE];
  };
};

struct budget_ledger {
  int fd;                /* -1: memory only */
  char *path;
  struct place *memory;  /* SETS * WAYS, where there is no file */
};

/* An account that was read, and where it belongs. */
struct entry {
  struct budget_account account;
  size_t index;
};

/* ---- sums ------------------------------------------------------------------------------------- */

/* FNV-1a over words; sizes are whole words. */
static uint64_t hash(const void *data, size_t size)
{
  uint64_t h = 14695981039346656037u, word;
  for (size_t i = 0; i < size / sizeof word; i++) {
    memcpy(&word, (const char *)data + i * sizeof word, sizeof word);
    h = (h ^ word) * 1099511628211u;
    h ^= h >> 29;
  }
  return h;
}

static uint64_t sum_of(const struct budget_account *a)
{
  return hash(a, offsetof(struct budget_account, sum));
}

static bool is_whole(const struct budget_account *a)
{
  return a->key[0] && a->sum == sum_of(a);
}

static bool is_of(const struct budget_account *a, const char *key)
{
  return memcmp(a->key, key, BUDGET_KEY) == 0 && is_whole(a);
}

/* ---- the file --------------------------------------------------------------------------------- */

/* Makes the folders above the file, for nobody else. */
static void make_folders(char *path)
{
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(path, 0700);
    *slash = '/';
  }
}

/* Only a plain file of our own, which nobody else may read. */
static bool is_ours(int fd)
{
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
    return false;
  return (st.st_mode & 077) == 0 || fchmod(fd, 0600) == 0;
}

static int open_file(char *path)
{
  make_folders(path);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd >= 0 && !is_ours(fd)) {
    close(fd);
    fd = -1;
  }
  return fd;
}

static void leave_file(struct budget_ledger *l)
{
  if (l->fd >= 0)
    close(l->fd);
  l->fd = -1;
}

static bool was_removed(int fd)
{
  struct stat st;
  return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

/* Who holds the lock does so for microseconds, unless it was stopped in the middle. */
static bool try_lock(int fd, int *error)
{
  for (int i = 0; i < TRIES; i++) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
      return true;
    *error = errno;
    if (errno != EWOULDBLOCK && errno != EINTR)
      return false;
    sched_yield();
  }
  return false;
}

/* False: somebody else has it. A file that cannot be locked is left for good; one that somebody removed
 * is made again. */
static bool lock(struct budget_ledger *l)
{
  int error = 0;
  if (l->fd >= 0 && was_removed(l->fd)) {
    leave_file(l);
    l->fd = open_file(l->path);
  }
  if (l->fd < 0 || try_lock(l->fd, &error))
    return true;
  if (error == EWOULDBLOCK || error == EINTR)
    return false;
  leave_file(l);
  return true;
}

static void unlock(struct budget_ledger *l)
{
  if (l->fd >= 0)
    flock(l->fd, LOCK_UN);
}

/* ---- accounts ------------------------------------------------------------------------------------ */

/* The memory of a ledger without a file; NULL: out of memory. */
static struct place *memory_of(struct budget_ledger *l)
{
  if (!l->memory)
    l->memory = calloc(SETS * WAYS, sizeof *l->memory);
  return l->memory;
}

/* What is missing at the file's end, or cannot be read, is empty. */
static bool read_set(struct budget_ledger *l, size_t set, struct place *places)
{
  size_t size = WAYS * sizeof *places;
  memset(places, 0, size);
  if (l->fd >= 0 && pread(l->fd, places, size, (off_t)(set * size)) >= 0)
    return true;
  leave_file(l);
  const struct place *memory = memory_of(l);
  if (memory)
    memcpy(places, memory + set * WAYS, size);
  return memory != NULL;
}

/* An empty place, else the one that was used longest ago; not `taken`, which another entry has. */
static size_t choose(const struct place *places, size_t taken)
{
  size_t best = taken == 0 ? 1 : 0;
  for (size_t i = 0; i < WAYS; i++) {
    if (i == taken)
      continue;
    if (!is_whole(&places[i].account))
      return i;
    if (places[i].account.stamp < places[best].account.stamp)
      best = i;
  }
  return best;
}

/* The account of the key, and its place; a new one when there is none. */
static void find(const struct place *places, const char *key, size_t taken, struct entry *e)
{
  for (size_t i = 0; i < WAYS; i++)
    if (is_of(&places[i].account, key)) {
      *e = (struct entry){.account = places[i].account, .index = i};
      return;
    }
  *e = (struct entry){.index = choose(places, taken)};
  memcpy(e->account.key, key, BUDGET_KEY);
}

/* `other`: an entry that was read before and will be written, too, or NULL. False: no memory. */
static bool load(struct budget_ledger *l, const char *key, const struct entry *other, struct entry *e)
{
  struct place places[WAYS];
  size_t set = hash(key, BUDGET_KEY) % SETS;
  if (!read_set(l, set, places))
    return false;
  find(places, key, other ? other->index - set * WAYS : WAYS, e);
  e->index += set * WAYS;
  return true;
}

static void save(struct budget_ledger *l, struct entry *e)
{
  struct place p = {.bytes = {0}};
  e->account.sum = sum_of(&e->account);
  p.account = e->account;
  if (l->fd >= 0 && pwrite(l->fd, &p, sizeof p, (off_t)(e->index * sizeof p)) == (ssize_t)sizeof p)
    return;
  leave_file(l);
  if (memory_of(l))
    l->memory[e->index] = p;
}

/* ---- the ledger ------------------------------------------------------------------------------------- */

struct budget_ledger *budget_open(const char *path)
{
  struct budget_ledger *l = calloc(1, sizeof *l);
  if (!l)
    return NULL;
  l->fd = -1;
  l->path = copy_str(path);
  if (path && !l->path) {
    free(l);
    return NULL;
  }
  if (path)
    l->fd = open_file(l->path);
  return l;
}

void budget_close(struct budget_ledger *l)
{
  if (!l)
    return;
  leave_file(l);
  free(l->memory);
  free(l->path);
  free(l);
}

bool budget_shared(const struct budget_ledger *l)
{
  return l->fd >= 0;
}

enum { CLAIMS = 2 };  /* a credential's own, and its machine's */

/* The longest wait of all. */
static void judge_all(struct entry *entries, const struct budget_claim *claims, size_t n, double now,
                      struct budget_verdict *v)
{
  for (size_t i = 0; i < n; i++) {
    struct budget_verdict one;
    budget_judge(&entries[i].account, &claims[i], now, &one);
    if (i > 0 && one.wait <= v->wait)
      continue;
    *v = one;
    v->claim = (int)i;
  }
}

static void take(struct budget_ledger *l, const struct budget_claim *claims, size_t n, double now,
                 struct budget_verdict *v)
{
  struct entry entries[CLAIMS];
  bool moved = false;
  *v = (struct budget_verdict){0};
  for (size_t i = 0; i < n; i++) {
    if (!load(l, claims[i].key, i > 0 ? &entries[i - 1] : NULL, &entries[i]))
      return;  /* no memory for accounts: the request goes uncounted */
    moved |= budget_settle(&entries[i].account, &claims[i], now);
  }
  judge_all(entries, claims, n, now, v);
  bool granted = v->reason == BUDGET_GRANTED;
  for (size_t i = 0; i < n && granted; i++) {
    uint32_t ticket = budget_grant(&entries[i].account, &claims[i], now);
    v->ticket = i == 0 ? ticket : v->ticket;
  }
  for (size_t i = 0; i < n && (granted || moved); i++)
    save(l, &entries[i]);
}

bool budget_take(struct budget_ledger *l, const struct budget_claim *claims, size_t n, double now,
                 struct budget_verdict *v)
{
  if (!lock(l))
    return false;
  take(l, claims, n < CLAIMS ? n : CLAIMS, now, v);
  unlock(l);
  return true;
}

bool budget_tell(struct budget_ledger *l, const char *key, uint32_t ticket, const struct budget_news *news,
                 double now)
{
  struct entry e;
  if (!lock(l))
    return false;
  if (load(l, key, NULL, &e)) {
    budget_settle(&e.account, NULL, now);
    budget_learn(&e.account, ticket, news, now);
    save(l, &e);
  }
  unlock(l);
  return true;
}
