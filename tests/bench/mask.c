/* mask.c - what the masker costs, without Davit around it, and what is measured with it.
 *   mask secrets COUNT >FILE             secrets of 16 to 40 characters, separated by NUL
 *   mask log MEGABYTES [FILE PERCENT]    lines as services write them; that many percent of them hold a secret
 *   mask repeat MEGABYTES TEXT           a text over and over
 *   mask forms FILE                      what is looked for, in lines; a form with a line end is left out
 *   mask filter FILE TEXT                a text to standard output, without the secrets
 *   mask write FILE BYTES                processor seconds for a write of so many bytes in memory; nothing matches
 *   mask add FILE                        the same for each secret that is added, and used, behind those of the file
 *   mask memory FILE                     bytes that a secret takes */
#include "mask.h"
#include "mask_forms.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 128 * 1024, SECRET_MAX = 40, LINE = 400 };

static void die(const char *what)
{
  perror(what);
  exit(1);
}

/* Of the processor: nothing that is timed here waits. */
static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The same on every machine. */
static unsigned draw(uint64_t *seed, unsigned below)
{
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(*seed >> 33) % below;
}

static void put(const char *data, size_t len)
{
  while (len > 0) {
    ssize_t n = write(STDOUT_FILENO, data, len);
    if (n < 0)
      die("write");
    data += n;
    len -= (size_t)n;
  }
}

/* ---- secrets ---------------------------------------------------------------------------------- */

/* Three of four are tokens, the others passwords with all kinds of characters. */
static size_t draw_secret(uint64_t *seed, char *text)
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-!$&/()=?+*#'\"\\<>%;:@ ";
  unsigned count = draw(seed, 4) ? 64 : sizeof letters - 1;
  size_t len = 16 + draw(seed, 25);
  for (size_t i = 0; i < len; i++)
    text[i] = letters[draw(seed, i == 0 || i + 1 == len ? 62 : count)];
  return len;
}

static void write_secrets(long count)
{
  uint64_t seed = 1;
  char text[SECRET_MAX + 1];
  for (long i = 0; i < count; i++) {
    size_t len = draw_secret(&seed, text);
    text[len] = 0;
    fwrite(text, 1, len + 1, stdout);
  }
}

struct secrets {
  char *data;
  size_t len, count;
  const char **at;
};

static struct secrets read_secrets(const char *path)
{
  FILE *file = fopen(path, "rb");
  struct secrets s = {.data = malloc(1 << 20)};
  if (!file || !s.data)
    die(path);
  s.len = fread(s.data, 1, 1 << 20, file);
  fclose(file);
  s.at = malloc((s.len + 1) * sizeof *s.at);
  if (!s.at)
    die("malloc");
  for (size_t at = 0; at < s.len; at += strlen(s.data + at) + 1)
    s.at[s.count++] = s.data + at;
  return s;
}

static void free_secrets(struct secrets *s)
{
  free(s->data);
  free(s->at);
}

static void add(struct mask *m, const char *value)
{
  if (mask_add(m, "SECRET", value, strlen(value)) != MASK_ADDED)
    die("mask_add");
}

static struct mask *mask_of(const char *path)
{
  struct secrets s = read_secrets(path);
  struct mask *m = mask_new();
  for (size_t i = 0; m && i < s.count; i++)
    add(m, s.at[i]);
  free_secrets(&s);
  return m;
}

static bool write_form(void *arg, const char *form, size_t len)
{
  if (!memchr(form, '\n', len)) {
    fwrite(form, 1, len, stdout);
    putchar('\n');
  }
  (void)arg;
  return true;
}

static void write_forms(const char *path)
{
  struct secrets s = read_secrets(path);
  for (size_t i = 0; i < s.count; i++)
    mask_forms(s.at[i], strlen(s.at[i]), write_form, NULL);
  free_secrets(&s);
}

/* ---- texts -------------------------------------------------------------------------------------- */

static size_t draw_line(uint64_t *seed, char *line, const char *secret)
{
  static const char *const levels[] = {"INFO", "DEBUG", "WARN", "ERROR"};
  static const char *const what[] = {"GET /api/v1/content", "POST /api/v1/session", "render template", "cache miss for key",
                                     "connected to database", "upload finished", "queue drained", "retrying request"};
  int n = snprintf(line, LINE, "2026-03-%02u %02u:%02u:%02u.%03u %-5s [worker-%u] %s/%u status=%u took %ums request=%08x%08x",
                   1 + draw(seed, 28), draw(seed, 24), draw(seed, 60), draw(seed, 60), draw(seed, 1000), levels[draw(seed, 4)],
                   draw(seed, 8), what[draw(seed, 8)], draw(seed, 100000), 200 + draw(seed, 300), draw(seed, 2000),
                   draw(seed, 1u << 31), draw(seed, 1u << 31));
  n += snprintf(line + n, LINE - (size_t)n, secret ? " token=%s user=%u\n" : "%s user=%u\n", secret ? secret : "", draw(seed, 1000));
  return (size_t)n;
}

static void write_log(long megabytes, const char *path, unsigned percent)
{
  struct secrets s = path ? read_secrets(path) : (struct secrets){0};
  uint64_t seed = 2;
  char line[LINE];
  for (size_t left = (size_t)megabytes << 20; left > 0;) {
    const char *secret = s.count > 0 && draw(&seed, 100) < percent ? s.at[draw(&seed, (unsigned)s.count)] : NULL;
    size_t len = draw_line(&seed, line, secret);
    len = len < left ? len : left;
    fwrite(line, 1, len, stdout);
    left -= len;
  }
  free_secrets(&s);
}

static void write_repeated(long megabytes, const char *text)
{
  size_t len = strlen(text);
  for (size_t left = (size_t)megabytes << 20; left > 0;) {
    size_t n = len < left ? len : left;
    fwrite(text, 1, n, stdout);
    left -= n;
  }
}

/* ---- what is measured ----------------------------------------------------------------------------- */

static void filter(const char *path, const char *text)
{
  static char data[CHUNK];
  int fd = open(text, O_RDONLY);
  if (fd < 0)
    die(text);
  struct mask *m = mask_of(path);
  struct mask_stream *s = mask_stream_new(m);
  struct buf out;
  buf_init(&out, BUF_LIMIT);
  for (;;) {
    ssize_t n = read(fd, data, sizeof data);
    if (n < 0)
      die("read");
    if (n == 0)
      mask_finish(s, &out);
    else
      mask_feed(s, data, (size_t)n, &out);
    put(buf_str(&out), out.len);
    buf_drop(&out, out.len);
    if (n == 0)
      break;
  }
  close(fd);
  buf_free(&out);
  mask_stream_free(s);
  mask_free(m);
}

static void time_writes(const char *path, long bytes)
{
  enum { WRITES = 1000, ROUNDS = 200 };
  struct mask *m = mask_of(path);
  struct mask_stream *s = mask_stream_new(m);
  struct buf out;
  char *text = malloc((size_t)bytes * WRITES + LINE);
  uint64_t seed = 3;
  if (!text)
    die("malloc");
  for (size_t at = 0; at < (size_t)bytes * WRITES;)
    at += draw_line(&seed, text + at, NULL);
  buf_init(&out, BUF_LIMIT);
  mask_feed(s, text, (size_t)bytes, &out);
  double began = now();
  for (int round = 0; round < ROUNDS; round++)
    for (int i = 0; i < WRITES; i++) {
      mask_feed(s, text + i * bytes, (size_t)bytes, &out);
      buf_drop(&out, out.len);
    }
  printf("%.3g\n", (now() - began) / WRITES / ROUNDS);
  buf_free(&out);
  free(text);
  mask_stream_free(s);
  mask_free(m);
}

static void time_additions(const char *path)
{
  enum { MORE = 20 };
  struct mask *m = mask_of(path);
  struct buf out;
  uint64_t seed = 4;
  char text[SECRET_MAX + 1];
  buf_init(&out, BUF_LIMIT);
  mask_text(m, "begin", 5, &out);
  double began = now();
  for (int i = 0; i < MORE; i++) {
    text[draw_secret(&seed, text)] = 0;
    add(m, text);
    mask_text(m, "used", 4, &out);
  }
  printf("%.3g\n", (now() - began) / MORE);
  buf_free(&out);
  mask_free(m);
}

/* Locked and plain, of this process, to the page: /proc/self/statm is told by counters that lag behind. */
static size_t resident(void)
{
  size_t kilobytes = 0;
  char line[256];
  FILE *file = fopen("/proc/self/smaps_rollup", "r");
  while (file && fgets(line, sizeof line, file) && sscanf(line, "Rss: %zu", &kilobytes) != 1)
    ;
  if (kilobytes == 0)
    die("/proc/self/smaps_rollup");
  fclose(file);
  return kilobytes * 1024;
}

static struct mask *used_mask_of(const char *path, struct buf *out)
{
  struct mask *m = mask_of(path);
  mask_text(m, "used", 4, out);
  return m;
}

/* A first turn brings the code here, and what making one takes for a while. */
static void tell_memory(const char *path)
{
  struct secrets s = read_secrets(path);
  struct buf out;
  buf_init(&out, BUF_LIMIT);
  resident();
  mask_free(used_mask_of(path, &out));
  size_t before = resident();
  struct mask *m = used_mask_of(path, &out);
  printf("%zu\n", (resident() - before) / s.count);
  free_secrets(&s);
  buf_free(&out);
  mask_free(m);
}

int main(int argc, char **argv)
{
  const char *what = argc > 2 ? argv[1] : "";
  if (strcmp(what, "secrets") == 0)
    write_secrets(atol(argv[2]));
  else if (strcmp(what, "log") == 0)
    write_log(atol(argv[2]), argc > 4 ? argv[3] : NULL, argc > 4 ? (unsigned)atol(argv[4]) : 0);
  else if (strcmp(what, "repeat") == 0 && argc > 3)
    write_repeated(atol(argv[2]), argv[3]);
  else if (strcmp(what, "forms") == 0)
    write_forms(argv[2]);
  else if (strcmp(what, "filter") == 0 && argc > 3)
    filter(argv[2], argv[3]);
  else if (strcmp(what, "write") == 0 && argc > 3)
    time_writes(argv[2], atol(argv[3]));
  else if (strcmp(what, "add") == 0)
    time_additions(argv[2]);
  else if (strcmp(what, "memory") == 0)
    tell_memory(argv[2]);
  else
    return fprintf(stderr, "mask: see the head of tests/bench/mask.c\n"), 2;
  return fflush(stdout) == 0 ? 0 : 1;
}
