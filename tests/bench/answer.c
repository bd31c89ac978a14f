/* answer.c - the other side of the benches: a small HTTP/1.1 server, one thread on epoll.
 *
 *   answer [-c CORE] [-r SECONDS] [-u]
 *
 * Listens on a free port of loopback. GET /N… is answered with N bytes, on a connection that stays
 * open unless the client says otherwise. With -r it is ready only after so many seconds: until then
 * connections are refused, with -u answered with 503. It prints "port N", "ready T" (on the monotonic
 * clock) once it is, and at SIGTERM what it has seen: "requests N connections N".
 *
 * A connection reads into a buffer that a request's head must fit into; bodies of requests are not
 * read, clients of benches send none. While an answer is under way nothing is read. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST = 4 << 20, BACKLOG = 4096, EVENTS = 256 };

struct connection {
  int fd;
  bool closing, blocked;
  size_t read;
  char head[128];
  size_t head_len, body_len, sent;
  char in[4096];
};

struct server {
  int epoll, listener, timer, signals;
  double ready_after;
  bool answers_unready, ready, stopped;
  long requests, connections;
  char *body;
};

/* ---- one connection ------------------------------------------------------------------------- */

static void drop(struct connection *c)
{
  close(c->fd);
  free(c);
}

static void watch(const struct server *s, int how, int fd, unsigned events, void *what)
{
  struct epoll_event e = {.events = events, .data.ptr = what};
  epoll_ctl(s->epoll, how, fd, &e);
}

/* Sends what is left of the answer. False: the connection is lost or was to be closed. */
static bool send_answer(struct server *s, struct connection *c)
{
  size_t whole = c->head_len + c->body_len;
  while (c->sent < whole) {
    size_t head = c->sent < c->head_len ? c->head_len - c->sent : 0, body = c->body_len - (c->sent + head - c->head_len);
    struct iovec parts[] = {{c->head + c->head_len - head, head}, {s->body, body}};
    ssize_t n = writev(c->fd, parts, 2);
    if (n < 0 && errno != EAGAIN)
      return false;
    if (n < 0)
      break;
    c->sent += (size_t)n;
  }
  bool blocked = c->sent < whole;
  if (blocked != c->blocked)
    watch(s, EPOLL_CTL_MOD, c->fd, blocked ? EPOLLOUT : EPOLLIN, c);
  c->blocked = blocked;
  return blocked || !c->closing;
}

static bool answer(struct server *s, struct connection *c)
{
  const char *path = strchr(c->in, '/');
  bool head_only = strncmp(c->in, "HEAD ", 5) == 0;
  size_t len = path && s->ready ? strtoul(path + 1, NULL, 10) : 0;
  if (len > LARGEST)
    len = LARGEST;
  c->closing = strcasestr(c->in, "\r\nconnection: close") != NULL;
  c->head_len = (size_t)snprintf(c->head, sizeof c->head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n",
                                 s->ready ? "200 OK" : "503 Service Unavailable", len);
  c->body_len = head_only ? 0 : len;
  c->sent = 0;
  s->requests++;
  return send_answer(s, c);
}

/* False: the connection is over. */
static bool receive(struct server *s, struct connection *c)
{
  ssize_t n = read(c->fd, c->in + c->read, sizeof c->in - 1 - c->read);
  if (n <= 0)
    return n < 0 && errno == EAGAIN;
  c->read += (size_t)n;
  c->in[c->read] = 0;
  if (!strstr(c->in, "\r\n\r\n"))
    return c->read < sizeof c->in - 1;
  c->read = 0;
  return answer(s, c);
}

static void accept_all(struct server *s)
{
  for (int fd; (fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    struct connection *c = calloc(1, sizeof *c);
    if (!c)
      abort();
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    watch(s, EPOLL_CTL_ADD, fd, EPOLLIN, c);
    s->connections++;
  }
}

/* ---- the server ------------------------------------------------------------------------------- */

static void say_ready(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  printf("ready %lld.%09ld\n", (long long)t.tv_sec, t.tv_nsec);
}

static void serve(struct server *s)
{
  listen(s->listener, BACKLOG);
  watch(s, EPOLL_CTL_ADD, s->listener, EPOLLIN, &s->listener);
}

static void become_ready(struct server *s)
{
  if (!s->answers_unready)
    serve(s);
  s->ready = true;
  say_ready();
}

static void handle(struct server *s, const struct epoll_event *e)
{
  unsigned long long times;
  if (e->data.ptr == &s->listener)
    accept_all(s);
  else if (e->data.ptr == &s->signals)
    s->stopped = true;
  else if (e->data.ptr == &s->timer && read(s->timer, &times, sizeof times) > 0)
    become_ready(s);
  else if (e->data.ptr != &s->timer) {
    struct connection *c = e->data.ptr;
    if (!(c->blocked ? send_answer(s, c) : receive(s, c)))
      drop(c);
  }
}

static void run(struct server *s)
{
  struct epoll_event events[EVENTS];
  while (!s->stopped) {
    int n = epoll_wait(s->epoll, events, EVENTS, -1);
    for (int i = 0; i < n; i++)
      handle(s, &events[i]);
  }
  printf("requests %ld connections %ld\n", s->requests, s->connections);
}

static bool open_server(struct server *s)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof at;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  signal(SIGPIPE, SIG_IGN);
  s->epoll = epoll_create1(0);
  s->signals = signalfd(-1, &set, 0);
  s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  s->body = malloc(LARGEST);
  if (s->epoll < 0 || s->signals < 0 || s->timer < 0 || s->listener < 0 || !s->body ||
      bind(s->listener, (struct sockaddr *)&at, len) != 0 ||
      getsockname(s->listener, (struct sockaddr *)&at, &len) != 0)
    return false;
  memset(s->body, 'x', LARGEST);
  watch(s, EPOLL_CTL_ADD, s->signals, EPOLLIN, &s->signals);
  watch(s, EPOLL_CTL_ADD, s->timer, EPOLLIN, &s->timer);
  printf("port %d\n", ntohs(at.sin_port));
  return true;
}

static void begin(struct server *s)
{
  struct itimerspec after = {.it_value = {(time_t)s->ready_after, (long)((s->ready_after - (double)(time_t)s->ready_after) * 1e9)}};
  if (s->answers_unready)
    serve(s);
  if (s->ready_after > 0)
    timerfd_settime(s->timer, 0, &after, NULL);
  else
    become_ready(s);
}

static void pin(int core)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

int main(int argc, char **argv)
{
  struct server s = {0};
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int option; (option = getopt(argc, argv, "c:r:u")) != -1;)
    if (option == 'c')
      pin(atoi(optarg));
    else if (option == 'r')
      s.ready_after = atof(optarg);
    else if (option == 'u')
      s.answers_unready = true;
    else
      return 2;
  if (!open_server(&s)) {
    perror("answer");
    return 1;
  }
  begin(&s);
  run(&s);
  return 0;
}
