/* rehearsal_disturb.c - what goes wrong at a point, and what follows; see rehearsal_explorer.h.
 *
 * What may go wrong is the models' affair (lua/rehearsal/faults.lua), and so is what an effect then answers. Done
 * here is what befalls Davit itself: it dies, it is asked to stop, its journal or its lease fails it, another
 * one comes, whoever is asked says no or is not there. A schedule's id says all of it: FAULT:KIND:INDEX, with
 * ":resume", ":undo" or what becomes of a question where somebody has to take over, and "+" before what goes wrong next. */
#include "rehearsal_explorer.h"
#include "interrupt.h"
#include "task.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SIZE = 40 };

/* One thing that goes wrong, as an id has it. */
struct term {
  char fault[NAME_SIZE], ending[8];
};

/* ---- which --------------------------------------------------------------------------------------- */

static void name_schedule(const struct explorer *x, char *id, const struct rehearsal_point *p, const struct term *t)
{
  snprintf(id, ID_SIZE, "%.100s%s%s:%s:%u%s%s", x->id, *x->id ? "+" : "", t->fault, rehearsal_kind_name(p->kind), p->index,
           *t->ending ? ":" : "", t->ending);
}

/* What a schedule is tried for; both may be so. */
enum { NOT_WANTED = 0, WAY_TO_OTHERS = 1, WANTED = 2 };

/* What the plan has to say of a schedule; each id is a line of it. */
static unsigned roles_in(const char *plan, const char *id)
{
  size_t len = strlen(id);
  unsigned roles = NOT_WANTED;
  for (const char *line = plan; line && *line; line = strchr(line, '\n'), line += line != NULL) {
    if (strncmp(line, id, len) != 0)
      continue;
    if (line[len] == '\n' || line[len] == 0)
      roles |= WANTED;
    else if (line[len] == '+')
      roles |= WAY_TO_OTHERS;
  }
  return roles;
}

/* Where not all schedules are tried, resumed and undone ones come in turn, however many are left out. */
static bool is_due(struct explorer *x)
{
  unsigned long this = x->offered++, every = x->sweep->every;
  if (this != x->next)
    return false;
  bool keeps_turn = every % 2 == 0;
  x->next += !keeps_turn ? every : this % 2 == 0 ? every + 1 : every - 1;
  return true;
}

static unsigned roles_of(struct explorer *x, const char *id)
{
  if (x->sweep->replay)
    return roles_in(x->sweep->replay, id);
  if (x->sweep->plan)
    return roles_in(x->sweep->plan, id);
  return is_due(x) ? WANTED : NOT_WANTED;
}

/* ---- in this process ------------------------------------------------------------------------------ */

/* For a process that ends soon: no garbage is collected while memory lasts. */
static void hurry(struct explorer *x)
{
  for (int i = 0; i <= DAVITS; i++) {
    lua_State *L = i < DAVITS ? x->davits[i].L : rehearsal_models(x->r);
    if (L && rehearsal_arena_open(&x->arenas[i], L, LIMIT_BYTES))
      lua_gc(L, LUA_GCSTOP);
  }
}

/* Some time after the one at work has ended, somehow, and `later` seconds after that. */
static const char *take_over(struct explorer *x, const char *ending, double later, const char **error)
{
  rehearsal_crash(x->r);
  rehearsal_pass(x->r, later);
  x->idle += later;
  x->disturbed = false;
  x->answer = NULL;
  if (x->at_work + 1 == DAVITS) {
    *error = "nobody is left who could take over";
    return NULL;
  }
  rehearsal_note(x->r, "davit begins again: %s", ending);
  return actor_call(&x->davits[++x->at_work], ending, NULL, error);
}

static _Noreturn void crash(struct explorer *x, const char *ending)
{
  char how[8];
  const char *error;
  snprintf(how, sizeof how, "%s", ending);
  const char *outcome = take_over(x, how, 0, &error);
  explorer_end_disturbed(x, how, outcome, error);
}

/* Another run comes while this one stands still, and goes to its end. */
static void arrive(struct explorer *x, const char *which)
{
  const char *error;
  if (strcmp(which, "closed") == 0)
    ASK(x, "close_pull", "");
  const char *outcome = actor_call(&x->davits[DAVITS - 1], which, NULL, &error);
  rehearsal_note(x->r, "the other run has ended");
  ASK(x, "arrived", which, outcome ? outcome : "", outcome ? "" : error);
}

static void go_wrong(struct explorer *x, const struct rehearsal_point *p, const struct term *t)
{
  rehearsal_note(x->r, "%s at %s %u", t->fault, rehearsal_kind_name(p->kind), p->index);
  if (strncmp(t->fault, "crash-", 6) == 0)
    crash(x, t->ending);
  x->disturbed = true;
  snprintf(x->ending, sizeof x->ending, "%s", t->ending);
  if (strcmp(t->fault, "stop") == 0)
    interrupt_stop(sched_of(x->davits[x->at_work].L), SIGTERM);
  else if (strcmp(t->fault, "lease-lost") == 0)
    rehearsal_steal_leases(x->r);
  else if (strcmp(t->fault, "unanswered") == 0)
    x->answer = "";
  else if (p->kind == POINT_JOURNAL && strcmp(t->fault, "denied") == 0)
    x->answer = "no";
  else if (p->kind == POINT_JOURNAL && strcmp(t->fault, "full") == 0)
    rehearsal_refuse_write(x->r);
  else if (strcmp(t->fault, "second") == 0 || strcmp(t->fault, "closed") == 0)
    arrive(x, t->fault);
  else
    ASK(x, "arm", t->fault, rehearsal_kind_name(p->kind));
}

const char *explorer_person(void *explorer)
{
  struct explorer *x = explorer;
  const char *answer = x->answer ? x->answer : "yes";
  x->answer = NULL;
  rehearsal_note(x->r, "person asked -> %s", *answer ? answer : "nobody");
  ASK(x, "answered", answer);
  return answer;
}

static bool starved(const struct explorer *x)
{
  bool any = x->arenas[DAVITS].starved;
  for (int i = 0; i < DAVITS; i++)
    any |= x->davits[i].starved || x->arenas[i].starved;
  return any;
}

enum { HOW_SIZE = 8 };

/* Who was disturbed may leave the rest to others: as the schedule says, else as the models think fit, at once or so
 * many seconds later ("resume", "resume 86400"). The last outcome. */
static const char *follow(struct explorer *x, char how[HOW_SIZE], const char *outcome, const char **error)
{
  while (outcome && x->disturbed) {
    const char *next = ASK(x, "follow", how, outcome, x->ending);
    if (!next)
      break;
    double later = 0;
    sscanf(next, "%7s %lf", how, &later);
    outcome = take_over(x, how, later, error);
  }
  return outcome;
}

static void judge(struct explorer *x, const char *how, const char *outcome, const char *elapsed)
{
  char events[SHA256_HEX + 1], lasted[32];
  explorer_hash_log(x, events);
  snprintf(lasted, sizeof lasted, "%.3f", rehearsal_elapsed(x->r));
  SAY(x, "judge", x->id, how, outcome, elapsed, lasted, events, x->disturbed ? "disturbed" : "");
}

static _Noreturn void leave(struct explorer *x)
{
  if (x->is_judged)
    explorer_send_log(x, x->id);
  else if (x->sweep->replay)
    SAY(x, "died", x->sweep->replay, "the run never comes to this point");
  explorer_reap_all(x);
  if (x->sweep->replay)
    SAY(x, "done", "0");  // no process is left to say so
  _exit(0);
}

void explorer_end_disturbed(struct explorer *x, const char *began, const char *outcome, const char *error)
{
  char elapsed[32], how[HOW_SIZE];
  alarm(x->sweep->limit);
  snprintf(how, sizeof how, "%s", began);
  snprintf(elapsed, sizeof elapsed, "%.3f", rehearsal_elapsed(x->r) - x->idle);
  outcome = follow(x, how, outcome, &error);  // where the next thing may go wrong, of which this is the way
  if (!x->is_judged)
    ;
  else if (starved(x))
    SAY(x, "died", x->id, "it wanted more than 512 MB of memory");
  else if (outcome)
    judge(x, how, outcome, elapsed);
  else
    SAY(x, "died", x->id, error);
  leave(x);
}

/* A watcher: the models gather what the rest of a disturbed run does. */
static void note_point(void *arg, const struct rehearsal_point *p)
{
  char number[16];
  snprintf(number, sizeof number, "%u", p->index);
  if (!p->after)
    ASK((struct explorer *)arg, "passed", rehearsal_kind_name(p->kind), number, p->about);
}

/* ---- offering it ------------------------------------------------------------------------------------ */

static void take_too_long(void *arg)
{
  struct explorer *x = arg;
  char elapsed[32];
  snprintf(elapsed, sizeof elapsed, "%.0f", rehearsal_elapsed(x->r) - x->idle);
  if (x->is_judged)
    SAY(x, "overdue", x->id, elapsed);
  leave(x);
}

/* A process of its own, but for a replay. True in the one in which it is to happen. */
static bool split_off(struct explorer *x, const char *id)
{
  size_t in_common = *x->id ? x->in_common : rehearsal_log(x->r)->len;
  if (!x->sweep->replay) {
    if (!explorer_fork(x, id))
      return false;
    hurry(x);
    x->in_common = in_common;
  }
  snprintf(x->id, sizeof x->id, "%s", id);
  rehearsal_limit(x->r, x->patience + x->idle, take_too_long, x);
  return true;
}

static void offer(struct explorer *x, const struct rehearsal_point *p, const struct term *t)
{
  char id[ID_SIZE];
  name_schedule(x, id, p, t);
  unsigned roles = roles_of(x, id);
  if (roles == NOT_WANTED || !split_off(x, id))
    return;
  x->is_judged = roles & WANTED;
  if (!(roles & WAY_TO_OTHERS))
    rehearsal_watch(x->r, x->sweep->effects ? note_point : NULL, x);
  go_wrong(x, p, t);
}

/* Whether this has become the process of one more thing that went wrong. */
static bool has_split_off(const struct explorer *x, size_t id_len)
{
  return strlen(x->id) > id_len;
}

static void offer_crashes(struct explorer *x, const struct rehearsal_point *p)
{
  static const char *const endings[] = {"resume", "undo"};
  struct term t;
  snprintf(t.fault, sizeof t.fault, "crash-%s", p->after ? "after" : "before");
  for (int i = 0; i < 2; i++) {
    snprintf(t.ending, sizeof t.ending, "%s", endings[i]);
    offer(x, p, &t);
  }
}

/* Between one point and the next nothing happens to the world: a crash before an effect is the crash
 * after the last one, unless time has brought another takeover. */
static bool is_explored(struct explorer *x, const struct rehearsal_point *p)
{
  double takeover = rehearsal_takeover(x->r);
  bool explored = !p->after && takeover == x->explored;
  x->explored = takeover;
  return explored;
}

/* "FAULT" or "FAULT ENDING" */
static void read_term(const char *line, size_t len, struct term *t)
{
  char text[NAME_SIZE + 10];
  snprintf(text, sizeof text, "%.*s", (int)len, line);
  *t = (struct term){0};
  sscanf(text, "%39s %7s", t->fault, t->ending);
}

/* What the models name, one a line; the first line is how many more there are that are the same as one of these.
 * Where one has happened this process goes on with the run. */
static void offer_faults(struct explorer *x, const struct rehearsal_point *p)
{
  const char *told = ASK(x, "faults", rehearsal_kind_name(p->kind), p->about);
  char *lines = told ? strdup(told) : NULL;
  size_t own = strlen(x->id), len;
  x->merged += lines && !*x->id ? strtoul(lines, NULL, 10) : 0;
  for (char *line = lines ? strchr(lines, '\n') : NULL; line && !has_split_off(x, own); line = line[len] ? line + len : NULL) {
    struct term t;
    len = strcspn(++line, "\n");
    read_term(line, len, &t);
    if (*t.fault)
      offer(x, p, &t);
  }
  free(lines);
}

void explorer_at_point(void *arg, const struct rehearsal_point *p)
{
  struct explorer *x = arg;
  size_t own = strlen(x->id);
  if (!x->sweep->replay)
    alarm(0);  // time that others take is not this run's
  rehearsal_store_warm(x->r);
  if (!x->sweep->replay && !*x->id && is_explored(x, p))
    x->merged += 2;
  else
    offer_crashes(x, p);
  if (!p->after && x->sweep->faults)
    offer_faults(x, p);
  if (!has_split_off(x, own))
    alarm(x->sweep->limit);
}
