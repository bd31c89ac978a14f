/* unpack.c - unpacks an archive in a sandbox and looks what came of it; see unpack.h.
 *
 * The sandbox is a folder with a file that must stay as it is; beside it the archive is unpacked into "into",
 * which is there already for every second length. A mutation hardly ever hits a checksum, so bytes that are no
 * zstd are taken for a tar, whose headers get theirs, and its end, before it is packed. */
#include "unpack.h"
#include "archive_folder.h"
#include "archive_jobs.h"
#include "archive_stage.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum { BLOCK = 512, ENTRIES = 64, BYTES = 1 << 20 };

static const char untouched[] = "as it was";

/* ---- the archive ----------------------------------------------------------------------------- */

static unsigned sum_of(const unsigned char *header)
{
  unsigned sum = 0;
  for (int i = 0; i < BLOCK; i++)
    sum += i >= 148 && i < 156 ? ' ' : header[i];
  return sum;
}

static void mend(char *tar, size_t len)
{
  for (size_t at = 0; at + BLOCK <= len;) {
    char *header = tar + at, sum[8], size[13] = {0};
    memcpy(size, header + 124, 12);
    snprintf(sum, sizeof sum, "%06o", sum_of((unsigned char *)header));
    memcpy(header + 148, sum, 7);
    header[155] = ' ';
    unsigned long long data = strtoull(size, NULL, 8);
    at += BLOCK + (data < len ? (data + BLOCK - 1) / BLOCK * BLOCK : 0);
  }
}

/* The bytes as an archive, in a buffer that Lua owns. */
static const char *make_archive(lua_State *L, const char *bytes, size_t *len)
{
  if (*len >= 4 && memcmp(bytes, "\x28\xb5\x2f\xfd", 4) == 0)
    return bytes;
  size_t whole = (*len + BLOCK - 1) / BLOCK * BLOCK + 2 * BLOCK, room = ZSTD_compressBound(whole);
  char *tar = lua_newuserdatauv(L, whole, 0), *archive = lua_newuserdatauv(L, room, 0);
  memset(tar, 0, whole);
  memcpy(tar, bytes, *len);
  mend(tar, whole - 2 * BLOCK);
  *len = ZSTD_compress(archive, room, tar, whole, 1);
  return archive;
}

struct bytes {
  const char *at;
  size_t len;
};

static ssize_t give(void *arg, void *to, size_t len)
{
  struct bytes *b = arg;
  size_t n = b->len < len ? b->len : len;
  memcpy(to, b->at, n);
  b->at += n;
  b->len -= n;
  return (ssize_t)n;
}

/* ---- the sandbox ----------------------------------------------------------------------------- */

struct sandbox {
  char folder[64], into[80], outside[80];
};

static void put(const char *path, const char *text)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
    abort();
  close(fd);
}

static void open_sandbox(struct sandbox *s, bool into_is_there)
{
  umask(022);
  strcpy(s->folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/davit-fuzz-XXXXXX" : "/tmp/davit-fuzz-XXXXXX");
  if (!mkdtemp(s->folder))
    abort();
  snprintf(s->into, sizeof s->into, "%s/into", s->folder);
  snprintf(s->outside, sizeof s->outside, "%s/outside", s->folder);
  put(s->outside, untouched);
  if (into_is_there && mkdir(s->into, 0755) != 0)
    abort();
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
  (void)st, (void)kind, (void)at;
  return remove(path);
}

static void close_sandbox(const struct sandbox *s)
{
  if (nftw(s->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
    abort();
}

/* ---- what must hold -------------------------------------------------------------------------- */

static const char *look_at(const struct sandbox *s, const char *path, const struct stat *st)
{
  char real[PATH_MAX];
  if (S_ISLNK(st->st_mode)) {
    bool leads = realpath(path, real);
    return leads && !archive_is_below(real, s->into) ? "a link leads out" : NULL;
  }
  if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
    return "there is what is no file, folder or link";
  mode_t mode = st->st_mode & 07777;
  return mode == 0755 || (S_ISREG(st->st_mode) && mode == 0644) ? NULL : "there is a strange mode";
}

static bool is_untouched(const struct sandbox *s)
{
  char text[32] = "";
  int fd = open(s->outside, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0)
    close(fd);
  return n > 0 && strcmp(text, untouched) == 0;
}

static const char *look_below(const struct sandbox *s, const char *folder, size_t *count);

/* Packing waits a moment before it reads what is new. */
static void make_old(const char *path)
{
  static const struct timespec times[] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
  utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

static const char *look_into(const struct sandbox *s, const char *folder, const char *name, size_t *count)
{
  char path[PATH_MAX];
  struct stat st;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (lstat(path, &st) != 0)
    return "a name cannot be looked at";
  const char *wrong = look_at(s, path, &st);
  ++*count;
  if (!wrong && S_ISDIR(st.st_mode))
    wrong = look_below(s, path, count);
  make_old(path);
  return wrong;
}

/* What is wrong below the folder, or NULL; counts. nftw() would hand on no argument. */
static const char *look_below(const struct sandbox *s, const char *folder, size_t *count)
{
  DIR *dir = opendir(folder);
  const char *wrong = dir ? NULL : "a folder cannot be opened";
  const struct dirent *e;
  while (!wrong && (e = readdir(dir)))
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
      wrong = look_into(s, folder, e->d_name, count);
  if (dir)
    closedir(dir);
  return wrong;
}

static bool drop(void *arg, const void *data, size_t len)
{
  (void)arg, (void)data, (void)len;
  return true;
}

/* What was let in can be packed. */
static const char *pack_again(const struct sandbox *s, size_t count)
{
  int fd = open(s->into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct tree_reader *t = fd < 0 ? NULL : archive_folder_new(fd);
  if (!t)
    return "it cannot be opened";
  struct archive_operation op = {0};
  const struct pack_job job = {.from = t, .to = {drop, NULL}, .root = s->into, .level = 1, .threads = 1};
  archive_pack(&job, &op);
  const char *wrong = op.fault.code ? "what was unpacked cannot be packed" : NULL;
  if (!wrong && op.count != count)
    wrong = "it is packed otherwise";
  archive_free_result(&op);
  archive_folder_free(t);
  return wrong;
}

static const char *judge(const struct sandbox *s, const struct archive_operation *op, bool was_there)
{
  size_t count = 0, around = 0;
  struct stat st;
  bool is_there = stat(s->into, &st) == 0;
  const char *wrong = look_below(s, s->folder, &around);
  if (!is_untouched(s))
    return "what is outside was changed";
  if (op->fault.code)
    return is_there != was_there || around != 1 + (size_t)was_there ? "a refused archive left something" : NULL;
  if (!wrong && is_there)
    wrong = look_below(s, s->into, &count);
  return wrong ? wrong : around != count + 2 ? "something stands beside it" : pack_again(s, count);
}

/* ---- the function ---------------------------------------------------------------------------- */

static void unpack(const struct sandbox *s, struct bytes from, struct archive_operation *op)
{
  struct tree_writer *into = archive_stage_new(s->into, NULL, &op->fault);
  const struct unpack_job job = {.from = {give, &from}, .into = into, .archive = "fuzz",
                                 .limits = {.entries = ENTRIES, .bytes = BYTES, .ratio = 1000}};
  if (into)
    archive_unpack(&job, op);
  archive_stage_free(into);
}

int fuzz_unpack(lua_State *L)
{
  struct sandbox s;
  struct archive_operation op = {0};
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  bool was_there = len & 1;
  const char *archive = make_archive(L, bytes, &len);
  open_sandbox(&s, was_there);
  unpack(&s, (struct bytes){archive, len}, &op);
  const char *wrong = judge(&s, &op, was_there);
  if (wrong)
    fprintf(stderr, "fuzz: %s %s\n", op.fault.code ? op.fault.code : "unpacked", op.fault.message);
  archive_free_result(&op);
  close_sandbox(&s);
  return wrong ? luaL_error(L, "%s", wrong) : 0;
}
