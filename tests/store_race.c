/* store_race.c - forks the processes; what they see is counted in memory they share. */
#include "store_race.h"
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
  atomic_int arrived, winners, won[2], not_one, not_growing, failed;
  atomic_llong token;
};

static bool nobody(void *arg, const struct store_lease *l)
{
  (void)arg, (void)l;
  return true;
}

static struct store_claim claim(const char *run, double seconds)
{
  return (struct store_claim){.name = "race", .run = run, .host = "here", .pid = (long)getpid(), .seconds = seconds};
}

static void *share(size_t size)
{
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    abort();
  return memory;
}

/* ---- the race -------------------------------------------------------------------------------- */

/* Waits until both have come here for the n-th time. */
static void meet(struct shared *s, int n)
{
  s->arrived++;
  while (s->arrived < 2 * n && !s->failed)
    sched_yield();
}

/* Both try at once; the winner gives it back when both have tried. */
static void play(struct store *store, struct shared *s, int who, int round)
{
  struct fault f;
  struct store_claim c = claim(who ? "b" : "a", 60);
  long long token = 0;
  meet(s, 3 * round + 1);
  s->failed += !store->ops->take(store, &c, &token, nobody, NULL, &f);
  s->winners += token != 0;
  s->won[who] += token != 0;
  meet(s, 3 * round + 2);
  s->not_one += who == 0 && s->winners != 1;
  if (token) {
    s->not_growing += atomic_exchange(&s->token, token) >= token;
    s->failed += !store->ops->release(store, "race", &f);
  }
  meet(s, 3 * round + 3);
  s->winners = 0;
}

static void compete(const struct store_kind *kind, void *place, struct shared *s, int who, int rounds)
{
  struct store *store = kind->open(place);
  s->failed += !store;
  for (int i = 0; i < rounds && !s->failed; i++)
    play(store, s, who, i);
  if (store)
    store->ops->free(store);
  _exit(0);
}

struct store_race store_race(const struct store_kind *kind, void *place, int rounds)
{
  struct shared *s = share(sizeof *s);
  for (int who = 0; who < 2; who++)
    if (fork() == 0)
      compete(kind, place, s, who, rounds);
  for (int who = 0; who < 2; who++) {
    int status;
    s->failed += wait(&status) < 0 || status != 0;
  }
  struct store_race r = {{s->won[0], s->won[1]}, s->not_one, s->not_growing, s->failed};
  munmap(s, sizeof *s);
  return r;
}

/* ---- the paused holder ------------------------------------------------------------------------- */

static void say(int fd, const char *text)
{
  if (write(fd, text, strlen(text) + 1) < 0)
    _exit(1);
}

/* Takes the lease, says so, and once it is told to go on, says what became of an append. */
static void hold_and_append(const struct store_kind *kind, void *place, int from, int to)
{
  char go;
  struct fault f = {0};
  struct store *store = kind->open(place);
  struct store_claim c = claim("paused", 0.2);
  struct store_event e = {.at = 1, .run = "paused", .kind = "late", .path = "", .data = "{}"};
  const struct store_event *list[] = {&e};
  long long token;
  if (!store || !store->ops->take(store, &c, &token, nobody, NULL, &f) || !token)
    _exit(1);
  say(to, "taken");
  if (read(from, &go, 1) != 1)
    _exit(1);
  say(to, store->ops->append(store, list, 1, &f) ? "" : f.code);
  store->ops->free(store);
  _exit(0);
}

static void take_over(const struct store_kind *kind, void *place)
{
  struct fault f;
  struct store *store = kind->open(place);
  struct store_claim c = claim("next", 60);
  long long token = 0;
  while (store && store->ops->take(store, &c, &token, nobody, NULL, &f) && !token)
    kind->pass(place, 0.1);
  if (store)
    store->ops->free(store);
}

void store_race_paused(const struct store_kind *kind, void *place, char *code, size_t size)
{
  int down[2], up[2], status;
  if (pipe(down) != 0 || pipe(up) != 0)
    abort();
  pid_t child = fork();
  if (child == 0)
    hold_and_append(kind, place, down[0], up[1]);
  close(up[1]);
  if (read(up[0], code, size) > 0) {
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    take_over(kind, place);
    say(down[1], "");
    kill(child, SIGCONT);
  }
  ssize_t n = read(up[0], code, size);
  snprintf(code + (n > 0 ? n : 0), n > 0 ? 1 : size, "%s", n > 0 ? "" : "no answer");
  waitpid(child, &status, 0);
  close(up[0]);
  close(down[0]);
  close(down[1]);
}
