/* curl_multi.c - what libcurl's multi interface costs by itself: the plain program beside Davit.
 *
 *   curl_multi fetch URL COUNT PARALLEL [CA]     exchanges on connections that are kept
 *   curl_multi wait PORT COUNT EVERY SECONDS same|spread    probes on fresh connections
 *
 * fetch asks so many times, so many at once; https is HTTP/2 and trusts the file CA. wait asks each of
 * COUNT targets every EVERY seconds until it answers 200 or the SECONDS are over; all are on 127.0.0.1
 * or each on an address of its own. It prints the number of exchanges, and of those that had status 200.
 *
 * epoll and socket_action, handles and buffers that are used again: as lean as one would
 * write it, with the timeouts that one should have. */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, AT_ONCE = 256 };

struct program;
typedef void finished(struct program *p, CURL *easy, bool good);

struct target {
  double due;
  struct target *next;
  int number;
};

struct program {
  CURLM *multi;
  int epoll, running;
  double timeout;  /* when curl wants to be called; negative: not */
  finished *on_finished;
  long exchanges, good;
  /* fetch */
  const char *url, *ca;
  long left;
  struct body *bodies;
  /* wait */
  int port;
  bool spread;
  double every, until;
  struct target *first, **last;  /* those that wait, the next due first */
  CURL *idle[AT_ONCE];
  int idle_count;
};

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *must(void *made)
{
  if (made)
    return made;
  fputs("curl_multi: out of memory\n", stderr);
  exit(1);
}

/* ---- curl on epoll ------------------------------------------------------------------------------ */

static int socket_wanted(CURL *easy, curl_socket_t socket, int what, void *program, void *known)
{
  struct program *p = program;
  struct epoll_event e = {.data.fd = socket};
  (void)easy;
  e.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
  epoll_ctl(p->epoll, what == CURL_POLL_REMOVE ? EPOLL_CTL_DEL : known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &e);
  curl_multi_assign(p->multi, socket, what == CURL_POLL_REMOVE ? NULL : p);
  return 0;
}

static int timer_wanted(CURLM *multi, long milliseconds, void *program)
{
  struct program *p = program;
  (void)multi;
  p->timeout = milliseconds < 0 ? -1 : now() + (double)milliseconds / 1000;
  return 0;
}

static void take_finished(struct program *p)
{
  CURLMsg *m;
  int left;
  while ((m = curl_multi_info_read(p->multi, &left))) {
    CURL *easy = m->easy_handle;
    long status = 0;
    bool ok = m->data.result == CURLE_OK;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(p->multi, easy);
    p->exchanges++;
    p->good += ok && status == 200;
    p->on_finished(p, easy, ok && status == 200);
  }
}

/* One turn of the loop, which waits at most until then. */
static void turn(struct program *p, double until)
{
  struct epoll_event events[EVENTS];
  if (p->timeout >= 0 && p->timeout < until)
    until = p->timeout;
  double wait = (until - now()) * 1000;
  int n = epoll_wait(p->epoll, events, EVENTS, wait <= 0 ? 0 : (int)wait + 1);
  for (int i = 0; i < n; i++)
    curl_multi_socket_action(p->multi, events[i].data.fd,
                             (events[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
                             (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                             (events[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0), &p->running);
  if (p->timeout >= 0 && p->timeout <= now()) {
    p->timeout = -1;
    curl_multi_socket_action(p->multi, CURL_SOCKET_TIMEOUT, 0, &p->running);
  }
  take_finished(p);
}

static void open_multi(struct program *p, finished *f)
{
  curl_global_init(CURL_GLOBAL_DEFAULT);
  p->on_finished = f;
  p->timeout = -1;
  p->epoll = epoll_create1(0);
  p->multi = must(curl_multi_init());
  curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
  curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
  curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
  curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
}

/* Bodies are wanted in memory, and dropped when the next one begins. */
struct body {
  char *data;
  size_t len, room;
};

static size_t keep(char *data, size_t size, size_t n, void *arg)
{
  struct body *b = arg;
  size_t len = size * n;
  while (b->len + len > b->room) {
    b->room = b->room ? b->room * 2 : 16384;
    b->data = must(realloc(b->data, b->room));
  }
  memcpy(b->data + b->len, data, len);
  b->len += len;
  return len;
}

static CURL *new_handle(long seconds, struct body *body)
{
  CURL *easy = must(curl_easy_init());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, body);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT, seconds);
  return easy;
}

/* ---- fetch ------------------------------------------------------------------------------------------ */

static void fetched(struct program *p, CURL *easy, bool good)
{
  struct body *b;
  (void)good;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&b);
  b->len = 0;
  if (p->left-- > 0)
    curl_multi_add_handle(p->multi, easy);
  else
    curl_easy_cleanup(easy);
}

static void fetch(struct program *p, int parallel)
{
  open_multi(p, fetched);
  p->bodies = must(calloc((size_t)parallel, sizeof *p->bodies));
  long count = p->left;
  for (int i = 0; i < parallel && p->left > 0; i++, p->left--) {
    CURL *easy = new_handle(30, &p->bodies[i]);
    curl_easy_setopt(easy, CURLOPT_URL, p->url);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    if (p->ca)
      curl_easy_setopt(easy, CURLOPT_CAINFO, p->ca);
    curl_multi_add_handle(p->multi, easy);
  }
  while (p->exchanges < count)
    turn(p, now() + 1);
}

/* ---- wait --------------------------------------------------------------------------------------------- */

static void append(struct program *p, struct target *t, double due)
{
  t->due = due;
  t->next = NULL;
  *p->last = t;
  p->last = &t->next;
}

static void probed(struct program *p, CURL *easy, bool good)
{
  struct target *t;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
  p->idle[p->idle_count++] = easy;
  if (!good)
    append(p, t, now() + p->every);
}

static void probe(struct program *p, struct target *t)
{
  char url[64];
  CURL *easy = p->idle[--p->idle_count];
  if (p->spread)
    snprintf(url, sizeof url, "http://127.1.%d.%d:%d/0", t->number / 250, t->number % 250 + 1, p->port);
  else
    snprintf(url, sizeof url, "http://127.0.0.1:%d/0/%d", p->port, t->number);
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
  curl_multi_add_handle(p->multi, easy);
}

static void probe_due(struct program *p)
{
  for (double at = now(); p->first && p->idle_count && p->first->due <= at;) {
    struct target *t = p->first;
    p->first = t->next;
    if (!p->first)
      p->last = &p->first;
    probe(p, t);
  }
}

static void open_targets(struct program *p, int count)
{
  p->last = &p->first;
  struct target *targets = must(calloc((size_t)count, sizeof *targets));
  p->bodies = must(calloc(AT_ONCE, sizeof *p->bodies));
  for (int i = 0; i < count; i++) {
    targets[i].number = i;
    append(p, &targets[i], 0);
  }
  for (; p->idle_count < AT_ONCE && p->idle_count < count; p->idle_count++) {
    CURL *easy = p->idle[p->idle_count] = new_handle(5, &p->bodies[p->idle_count]);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  }
}

static void wait_for(struct program *p, int count)
{
  open_multi(p, probed);
  open_targets(p, count);
  while (p->good < count && now() < p->until) {
    probe_due(p);
    double next = p->first && p->idle_count ? p->first->due : p->until;
    turn(p, next < p->until ? next : p->until);
  }
}

int main(int argc, char **argv)
{
  struct program p = {0};
  if (argc >= 5 && strcmp(argv[1], "fetch") == 0) {
    p.url = argv[2];
    p.left = atol(argv[3]);
    p.ca = argc > 5 ? argv[5] : NULL;
    fetch(&p, atoi(argv[4]));
  } else if (argc == 7 && strcmp(argv[1], "wait") == 0) {
    p.port = atoi(argv[2]);
    p.every = atof(argv[4]);
    p.until = now() + atof(argv[5]);
    p.spread = strcmp(argv[6], "spread") == 0;
    wait_for(&p, atoi(argv[3]));
  } else {
    fputs("curl_multi: fetch URL COUNT PARALLEL [CA] | wait PORT COUNT EVERY SECONDS same|spread\n", stderr);
    return 2;
  }
  printf("{\"exchanges\":%ld,\"good\":%ld}\n", p.exchanges, p.good);
  return 0;
}
