/* test_server_listen.c - a server that listens on a socket in the file system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "server.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

struct bench {
  uv_loop_t loop;
  char folder[64], path[96];
};

static int open_bench(void **state)
{
  struct bench *b = calloc(1, sizeof *b);
  uv_loop_init(&b->loop);
  strcpy(b->folder, "/tmp/davit-listen-XXXXXX");
  assert_non_null(mkdtemp(b->folder));
  snprintf(b->path, sizeof b->path, "%s/a.sock", b->folder);
  *state = b;
  return 0;
}

static int close_bench(void **state)
{
  struct bench *b = *state;
  uv_run(&b->loop, UV_RUN_DEFAULT);
  int left = uv_loop_close(&b->loop);  // fails on a handle left open
  unlink(b->path);
  left |= rmdir(b->folder);  // and this on a file
  free(b);
  return left;
}

static struct server *listen_at(struct bench *b, const char *path, struct fault *f)
{
  struct server_options o = {.address = "127.0.0.1", .path = path, .max_body = 1000};
  return server_new(&b->loop, &o, f);
}

static struct sockaddr_un name_of(const char *path)
{
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
  return at;
}

static int connect_to(const char *path)
{
  struct sockaddr_un at = name_of(path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
    return fd;
  close(fd);
  return -1;
}

static void on_request(void *arg)
{
  (void)arg;
}

/* Answers the one request that comes; returns the first bytes of what the client gets. */
static void exchange(struct bench *b, struct server *s, char *answer, size_t size)
{
  static const char text[] = "GET /x HTTP/1.0\r\nHost: api.github.com\r\n\r\n";
  int fd = connect_to(b->path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
  struct server_accept *a = server_accept(s, on_request, NULL);
  while (!a->request)
    uv_run(&b->loop, UV_RUN_ONCE);
  assert_string_equal(a->request->target, "/x");
  assert_string_equal(a->request->address, "");
  struct fault f;
  struct server_request *r = a->request;
  a->request = NULL;
  effect_free(&a->effect);
  assert_true(server_answer(r, 204, (const char *const[]){NULL}, "", 0, &f));
  ssize_t n;
  while ((n = recv(fd, answer, size - 1, MSG_DONTWAIT)) < 0) {
    uv_run(&b->loop, UV_RUN_NOWAIT);
    poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 1);
  }
  answer[n] = 0;
  close(fd);
}

static void only_its_owner_may_connect(void **state)
{
  struct bench *b = *state;
  struct fault f;
  struct stat st;
  char answer[64];
  struct server *s = listen_at(b, b->path, &f);
  assert_non_null(s);
  assert_int_equal(server_port(s), 0);
  assert_int_equal(stat(b->path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  exchange(b, s, answer, sizeof answer);
  assert_int_equal(strncmp(answer, "HTTP/1.1 204", 12), 0);
  server_free(s);
  assert_int_equal(access(b->path, F_OK), -1);
}

static void what_a_killed_server_left_is_taken_over(void **state)
{
  struct bench *b = *state;
  struct fault f;
  struct sockaddr_un at = name_of(b->path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
  close(fd);
  struct server *s = listen_at(b, b->path, &f);
  assert_non_null(s);
  fd = connect_to(b->path);
  assert_true(fd >= 0);
  close(fd);
  server_free(s);
}

static void refused(struct bench *b, const char *path, const char *why)
{
  struct fault f;
  assert_null(listen_at(b, path, &f));
  assert_string_equal(f.code, "server-failed");
  if (!strstr(f.message, why))
    fail_msg("'%s' does not say '%s'", f.message, why);
}

static void where_another_one_answers_nobody_listens(void **state)
{
  struct bench *b = *state;
  struct fault f;
  struct server *s = listen_at(b, b->path, &f);
  refused(b, b->path, "Address already in use");
  int fd = connect_to(b->path);
  assert_true(fd >= 0);  // the first one is still there
  close(fd);
  server_free(s);
}

static void a_file_is_left_alone(void **state)
{
  struct bench *b = *state;
  FILE *f = fopen(b->path, "w");
  fputs("mine", f);
  fclose(f);
  refused(b, b->path, "File exists");
  assert_int_equal(access(b->path, F_OK), 0);
}

static void a_path_that_cannot_be_one_is_named(void **state)
{
  struct bench *b = *state;
  char path[300];
  memset(path, 'x', sizeof path - 1);
  path[sizeof path - 1] = 0;
  refused(b, path, "at most 107 bytes, not 299");
  snprintf(path, sizeof path, "%s/none/a.sock", b->folder);
  refused(b, path, "No such file");
}

#define BENCH(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
  const struct CMUnitTest tests[] = {
    BENCH(only_its_owner_may_connect),
    BENCH(what_a_killed_server_left_is_taken_over),
    BENCH(where_another_one_answers_nobody_listens),
    BENCH(a_file_is_left_alone),
    BENCH(a_path_that_cannot_be_one_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
