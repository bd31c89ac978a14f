/* archive_uv.c - archives of the real world: packed and unpacked on threads of libuv's pool.
 *
 * A thread touches nothing but its job, the copy of the mask included. The mask itself may have learned more
 * secrets when the archive is written: then it is packed once more, as nothing may get its place that was not
 * searched for all of them. Only after that it is made durable and placed, on the pool again.
 *
 * A job may take long, and files wait for the same pool: so many are under way that threads stay free for them,
 * the others wait in line.
 *
 * A job that is freed under way is told to stop, and freed when its thread has ended. What it wrote has no name
 * until it is whole, or goes with it. */
#include "archive_folder.h"
#include "archive_jobs.h"
#include "archive_stage.h"
#include "files_uv.h"
#include "mask.h"
#include "pool.h"
#include "write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  ROUNDS = 4,   /* how often it is packed, while secrets come */
  AT_ONCE = 2,  /* jobs under way; the pool has four threads */
  BATCH = 8 << 20,  /* bytes that are sent to the disk together */
};

struct archive_uv {
  struct world_archive base;
  uv_loop_t *loop;
  int running;
  struct job *first;  /* of those that wait, in the order they came */
};

struct job {
  struct archive_operation base;
  struct archive_uv *home;
  struct job *next;        /* in line */
  bool waits;
  uv_work_t work;
  uv_work_cb now;          /* what the pool does */
  atomic_bool abandoned;
  char *root, *fence;      /* of packing; the folder of unpacking, and its fence */
  char *archive, *sha256;
  char **paths, **except;
  int level, threads;
  bool replace;
  struct archive_limits limits;
  struct mask *mask, *copy;  /* the host's, for the loop; and the thread's */
  unsigned long version;
  int rounds;
  struct spot spot;        /* of the archive that is written */
  int fd;
  size_t batch;            /* bytes in the file's memory that were not sent to the disk yet */
  char *name;              /* its name until it is placed, or NULL */
};

/* ---- packing, on a thread -------------------------------------------------------------------- */

static void take_file_fault(struct job *j, const struct operation *op)
{
  j->base.fault = op->base.fault;
  if (!j->base.fault.code)
    fault_set(&j->base.fault, "out-of-memory", "fatal", "packing %s: not enough memory", j->root);
}

static bool begin_archive(struct job *j)
{
  struct operation op = {.action = FILE_WRITE, .path = j->archive};
  if (j->fd < 0 && operation_find_to_write(&op, j->archive, &j->spot) &&
      operation_may_replace(&op, j->spot.folder, j->spot.name, j->archive)) {
    j->fd = operation_open_unnamed(&j->spot, &j->name);
    if (j->fd < 0)
      operation_fail(&op, "writing", j->archive);
  }
  if (j->fd < 0)
    take_file_fault(j, &op);
  return j->fd >= 0;
}

static struct tree_reader *open_root(struct job *j)
{
  struct spot spot;
  struct operation op = {.action = FILE_LIST, .path = j->root, .root = j->fence};
  struct tree_reader *t = NULL;
  if (operation_find(&op, "packing", BENEATH_FOLLOW, &spot)) {
    int fd = operation_open(&op, &spot, O_RDONLY | O_DIRECTORY);
    t = fd < 0 ? NULL : archive_folder_new(fd);
    if (!t)
      operation_fail(&op, "packing", j->root);
    beneath_free(&spot);
  }
  if (!t)
    take_file_fault(j, &op);
  return t;
}

/* Sends to the disk what was written while more is packed, so that fsync finds little left to wait for. Only fsync
 * makes it durable and tells whether that failed: what this says does not count. */
static bool write_archive(void *arg, const void *data, size_t len)
{
  struct job *j = arg;
  if (!write_all(j->fd, data, len))
    return false;
  j->batch += len;
  if (j->batch >= BATCH) {
    sync_file_range(j->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    j->batch = 0;
  }
  return true;
}

static void pack(uv_work_t *work)
{
  struct job *j = work->data;
  struct tree_reader *from = begin_archive(j) ? open_root(j) : NULL;
  if (!from)
    return;
  const struct pack_job job = {
    .from = from, .to = {write_archive, j}, .root = j->root, .paths = (const char *const *)j->paths,
    .except = (const char *const *)j->except, .level = j->level, .threads = j->threads, .mask = j->copy,
    .stop = &j->abandoned};
  archive_pack(&job, &j->base);
  archive_folder_free(from);
}

/* ---- placing what was packed, on a thread ---------------------------------------------------- */

/* Puts the digest where the name wants it. */
static bool name_archive(struct job *j)
{
  j->base.path = archive_fill_path(j->archive, j->base.sha256);
  char *name = j->base.path ? strdup(j->base.path) : NULL;
  if (!name)
    return errno = ENOMEM, false;
  free(j->spot.name);
  j->spot.name = name;
  return true;
}

static void place(uv_work_t *work)
{
  struct job *j = work->data;
  struct operation op = {.action = FILE_WRITE, .path = j->archive};
  bool placed = name_archive(j) && fchmod(j->fd, 0644) == 0 && fsync(j->fd) == 0 &&
                operation_place(&j->spot, j->fd, &j->name);
  if (placed) {
    free(j->name);
    j->name = NULL;
    placed = operation_sync_around(&op, &j->spot);
  } else {
    operation_fail(&op, "writing", j->archive);
  }
  if (!placed)
    take_file_fault(j, &op);
}

/* ---- unpacking, on a thread ------------------------------------------------------------------ */

static ssize_t read_archive(void *arg, void *to, size_t len)
{
  ssize_t n;
  do
    n = read(*(int *)arg, to, len);
  while (n < 0 && errno == EINTR);
  return n;
}

static int open_archive(struct job *j)
{
  struct operation op = {.action = FILE_READ, .path = j->archive};
  struct stat st = {0};
  int fd = open(j->archive, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
    return fd;
  if (fd >= 0) {
    errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    close(fd);
  }
  operation_fail(&op, "unpacking", j->archive);
  take_file_fault(j, &op);
  return -1;
}

static void unpack(uv_work_t *work)
{
  struct job *j = work->data;
  int fd = open_archive(j);
  struct tree_writer *into = fd >= 0 && j->root ? archive_stage_new(j->root, j->fence, &j->base.fault) : NULL;
  const struct unpack_job job = {
    .from = {read_archive, &fd}, .into = into, .archive = j->archive, .sha256 = j->sha256, .replace = j->replace,
    .limits = j->limits, .stop = &j->abandoned};
  if (fd >= 0 && !j->base.fault.code)
    archive_unpack(&job, &j->base);
  archive_stage_free(into);
  if (fd >= 0)
    close(fd);
}

/* ---- the job --------------------------------------------------------------------------------- */

static void free_list(char **list)
{
  for (char **text = list; text && *text; text++)
    free(*text);
  free(list);
}

static void free_job(struct job *j)
{
  if (j->fd >= 0)
    operation_give_up(&j->spot, j->fd, j->name);
  beneath_free(&j->spot);
  mask_free(j->copy);
  archive_free_result(&j->base);
  free(j->root);
  free(j->fence);
  free(j->archive);
  free(j->sha256);
  free_list(j->paths);
  free_list(j->except);
  free(j->name);
  free(j);
}

/* Where there is no secret there is nothing to look for. */
static bool copy_mask(struct job *j)
{
  mask_free(j->copy);
  j->version = mask_version(j->mask);
  j->copy = j->version ? mask_copy(j->mask) : NULL;
  return j->copy || !j->version;
}

static void worked(uv_work_t *work, int status);

static void leave(struct job *j);

static void queue(struct job *j, uv_work_cb what)
{
  j->now = what;
  if (pool_queue(j->home->loop, &j->work, what, worked) == 0)
    return;
  fault_set(&j->base.fault, "out-of-memory", "fatal", "archive %s: not enough memory", j->archive);
  leave(j);
}

static void admit(struct archive_uv *a)
{
  while (a->first && a->running < AT_ONCE) {
    struct job *j = a->first;
    a->first = j->next;
    j->waits = false;
    a->running++;
    queue(j, j->now);
  }
}

static void get_in_line(struct job *j)
{
  struct job **link = &j->home->first;
  while (*link)
    link = &(*link)->next;
  *link = j;
  j->waits = true;
}

static void get_out_of_line(struct job *j)
{
  struct job **link = &j->home->first;
  while (*link != j)
    link = &(*link)->next;
  *link = j->next;
}

/* It has ended: its owner is told, or it goes. */
static void leave(struct job *j)
{
  struct archive_uv *a = j->home;
  a->running--;
  if (j->abandoned)
    free_job(j);
  else
    effect_finish(&j->base.effect);
  admit(a);
}

static bool knows_more(const struct job *j)
{
  return j->mask && mask_version(j->mask) != j->version;
}

/* Makes ready to pack it once more. False: see the fault. */
static bool begin_again(struct job *j)
{
  archive_drop_entries(&j->base);
  if (++j->rounds == ROUNDS)
    fault_set(&j->base.fault, "archive-changed", "fatal", "packing %s: secrets came each time it was packed", j->root);
  else if (!copy_mask(j) || ftruncate(j->fd, 0) != 0 || lseek(j->fd, 0, SEEK_SET) != 0)
    fault_set(&j->base.fault, "file-failed", "fatal", "packing %s: it cannot be packed once more", j->root);
  return !j->base.fault.code;
}

static void worked(uv_work_t *work, int status)
{
  struct job *j = work->data;
  (void)status;
  bool packed = j->now == pack && !j->abandoned && !j->base.fault.code;
  if (packed && !knows_more(j))
    queue(j, place);
  else if (packed && begin_again(j))
    queue(j, pack);
  else
    leave(j);
}

static void destroy(struct effect *e)
{
  struct job *j = (struct job *)e;
  if (j->waits)
    get_out_of_line(j);
  if (e->finished || j->waits) {
    free_job(j);
    return;
  }
  j->abandoned = true;
  uv_cancel((uv_req_t *)&j->work);  /* worked() runs in any case */
}

/* ---- the interface --------------------------------------------------------------------------- */

static char **copy_list(const char *const *list, bool *copied)
{
  size_t n = 0;
  while (list && list[n])
    n++;
  char **copy = calloc(n + 1, sizeof *copy);
  *copied = *copied && copy;
  for (size_t i = 0; *copied && i < n; i++)
    *copied = (copy[i] = strdup(list[i])) != NULL;
  return copy;
}

static struct job *new_job(struct world_archive *w, effect_done *done, void *arg)
{
  struct job *j = calloc(1, sizeof *j);
  if (!j)
    return NULL;
  j->base.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  j->home = (struct archive_uv *)w;
  j->work.data = j;
  j->fd = j->spot.folder = -1;
  return j;
}

static struct archive_operation *start(struct job *j, bool whole, uv_work_cb what)
{
  j->now = what;
  if (!whole) {
    free_job(j);
    return NULL;
  }
  get_in_line(j);
  admit(j->home);
  return &j->base;
}

static struct archive_operation *start_pack(struct world_archive *w, const struct pack_request *r, effect_done *done,
                                            void *arg)
{
  struct job *j = new_job(w, done, arg);
  if (!j)
    return NULL;
  bool whole = true;
  j->root = strdup(r->root);
  j->fence = copy_str(r->fence);
  j->archive = strdup(r->to);
  j->paths = copy_list(r->paths, &whole);
  j->except = copy_list(r->except, &whole);
  j->level = r->level;
  j->threads = r->threads;
  j->mask = r->mask;
  whole = whole && j->root && j->archive && !j->fence == !r->fence && (!j->mask || copy_mask(j));
  return start(j, whole, pack);
}

static struct archive_operation *start_unpack(struct world_archive *w, const struct unpack_request *r,
                                              effect_done *done, void *arg)
{
  struct job *j = new_job(w, done, arg);
  if (!j)
    return NULL;
  j->archive = strdup(r->from);
  j->root = copy_str(r->into);
  j->fence = copy_str(r->fence);
  j->sha256 = copy_str(r->sha256);
  j->replace = r->replace;
  j->limits = r->limits;
  bool whole = j->archive && !j->root == !r->into && !j->fence == !r->fence && !j->sha256 == !r->sha256;
  return start(j, whole, unpack);
}

struct world_archive *archive_uv_new(uv_loop_t *loop)
{
  struct archive_uv *a = calloc(1, sizeof *a);
  if (a)
    *a = (struct archive_uv){.base = {start_pack, start_unpack}, .loop = loop};
  return a ? &a->base : NULL;
}

void archive_uv_free(struct world_archive *a)
{
  free(a);
}
