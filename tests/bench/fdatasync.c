/* fdatasync.c - what the disk can do: writes records to a file and makes each durable.
 *
 * fdatasync FILE BYTES COUNT [in-place] prints records a second. The file is made anew and removed.
 * It grows with each record; in place, it has had its size before, as a log that is used again. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct plan {
  const char *file;
  char *record;
  size_t bytes;
  long count;
};

static double seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool write_all(const struct plan *p, int fd, bool each_durable)
{
  for (long i = 0; i < p->count; i++)
    if (write(fd, p->record, p->bytes) != (ssize_t)p->bytes || (each_durable && fdatasync(fd) != 0))
      return false;
  return true;
}

static bool measure(const struct plan *p, bool in_place, double *took)
{
  int fd = open(p->file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  bool ok = fd >= 0;
  if (in_place)
    ok = ok && write_all(p, fd, false) && fsync(fd) == 0 && lseek(fd, 0, SEEK_SET) == 0;
  double started = seconds();
  ok = ok && write_all(p, fd, true);
  *took = seconds() - started;
  close(fd);
  unlink(p->file);
  return ok;
}

int main(int argc, char **argv)
{
  struct plan p = {0};
  double took;
  if (argc >= 4)
    p = (struct plan){argv[1], calloc(1, (size_t)atol(argv[2]) + 1), (size_t)atol(argv[2]), atol(argv[3])};
  bool in_place = argc == 5 && strcmp(argv[4], "in-place") == 0;
  if (!p.record || p.bytes == 0 || p.count <= 0 || (argc > 4 && !in_place) || !measure(&p, in_place, &took)) {
    fputs("fdatasync: FILE BYTES COUNT [in-place], and a disk with room\n", stderr);
    return 1;
  }
  printf("%.0f\n", (double)p.count / took);
  free(p.record);
  return 0;
}
