/* fdatasync.c - what the disk can do: appends records to a file and makes each durable.
 *
 * fdatasync FILE BYTES COUNT prints records a second. The file is made anew and removed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
  size_t bytes = argc == 4 ? (size_t)atol(argv[2]) : 0;
  long count = argc == 4 ? atol(argv[3]) : 0;
  char *record = calloc(1, bytes + 1);
  int fd = bytes && count && record ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
  double started = seconds();
  for (long i = 0; fd >= 0 && i < count; i++)
    if (write(fd, record, bytes) != (ssize_t)bytes || fdatasync(fd) != 0) {
      close(fd);
      fd = -1;
    }
  double took = seconds() - started;
  if (fd < 0) {
    fputs("fdatasync: FILE BYTES COUNT, and a disk with room\n", stderr);
    return 1;
  }
  printf("%.0f\n", (double)count / took);
  unlink(argv[1]);
  free(record);
  return 0;
}
