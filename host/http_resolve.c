/* http_resolve.c - finding the addresses of the host that an exchange connects to.
 *
 * Both families are asked for at once, and curl gets both: it tries one, and soon the other
 * beside it. The second answer is waited for no longer than the resolution delay of RFC 8305.
 * Addresses are remembered as long as the name server says, a minute at most; an exchange on a
 * fresh connection is content with what is a second old, as it wants to see what changes.
 * With --local the local cloud's name server is asked. */
#include "http_curl.h"
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESOLUTION_DELAY 0.05
#define LONGEST_LOOKUP 3600.0
#define REMEMBERED 60.0
#define REMEMBERED_FRESH 1.0

/* ---- addresses that were found before -------------------------------------------------------- */

static struct http_address *remembered_slot(struct http_curl *h, const char *host, int family)
{
  uint32_t hash = 2166136261u ^ (uint32_t)family;
  for (const char *c = host; *c; c++)
    hash = (hash ^ (unsigned char)*c) * 16777619u;
  return &h->addresses[hash % HTTP_ADDRESSES];
}

static const char *remembered(const struct exchange *x)
{
  struct http_address *a = remembered_slot(x->http, x->target, x->family);
  double now = http_seconds();
  if (!a->host || strcmp(a->host, x->target) != 0 || a->family != x->family)
    return NULL;
  return now < a->until && (!x->fresh || now < a->found + REMEMBERED_FRESH) ? a->list : NULL;
}

static void forget(struct http_address *a)
{
  free(a->host);
  free(a->list);
  *a = (struct http_address){0};
}

/* Where memory ends nothing is remembered. */
static void remember(const struct exchange *x, const char *list, double ttl)
{
  struct http_address *a = remembered_slot(x->http, x->target, x->family);
  double now = http_seconds();
  forget(a);
  if (x->http->config->local || ttl <= 0)
    return;
  *a = (struct http_address){.host = strdup(x->target), .list = strdup(list), .family = x->family,
                             .found = now, .until = now + fmin(ttl, REMEMBERED)};
  if (!a->host || !a->list)
    forget(a);
}

void exchange_forget_addresses(struct exchange *x)
{
  if (x->target)
    forget(remembered_slot(x->http, x->target, x->family));
}

void http_addresses_free(struct http_curl *h)
{
  for (size_t i = 0; i < HTTP_ADDRESSES; i++)
    forget(&h->addresses[i]);
}

/* ---- handing them to curl ---------------------------------------------------------------------- */

/* "+host:port:address,…": curl forgets it with its cache, unlike an entry without the plus. */
static bool transfer_to(struct exchange *x, const char *list)
{
  struct buf line;
  buf_init(&line, 64 << 10);
  buf_printf(&line, "+%s:%d:%s", x->target, x->target_port, list);
  bool ok = buf_ok(&line) && http_add_line(&x->resolve, buf_str(&line));
  buf_free(&line);
  size_t first = strcspn(list, ",");
  snprintf(x->candidate, sizeof x->candidate, "%.*s", (int)first, list);
  if (ok)
    exchange_transfer(x);
  return ok;
}

static void add_addresses(struct buf *list, const struct dns_lookup *l, double *ttl)
{
  for (size_t i = 0; l && !l->fault.code && i < l->count; i++) {
    const struct dns_answer *a = &l->answers[i];
    bool six = strcmp(a->type, "AAAA") == 0;
    if (!six && strcmp(a->type, "A") != 0)
      continue;
    *ttl = fmin(*ttl, a->ttl);
    buf_printf(list, six ? "%s[%s]" : "%s%s", list->len ? "," : "", a->data);
  }
}

/* ---- asking ------------------------------------------------------------------------------------- */

enum { FOUR, SIX };

static bool is_fault(const struct dns_lookup *l, const char *code)
{
  return l && l->effect.finished && l->fault.code && strcmp(l->fault.code, code) == 0;
}

/* The fault of the family that says most: a name that does not exist has neither, and who has
 * no record of one family may have one of the other that could not be asked for. */
static const struct fault *worst(const struct exchange *x)
{
  const struct dns_lookup *four = x->lookup[FOUR], *six = x->lookup[SIX];
  if (!four || !six)
    return four ? &four->fault : &six->fault;
  if (is_fault(four, "dns-not-found") || !is_fault(four, "dns-no-data"))
    return &four->fault;
  return six->effect.finished ? &six->fault : &four->fault;
}

/* The sooner of both: then it is worth asking again. */
static double negative_ttl(const struct exchange *x)
{
  double least = INFINITY;
  for (int i = FOUR; i <= SIX; i++) {
    const struct dns_lookup *l = x->lookup[i];
    if ((is_fault(l, "dns-not-found") || is_fault(l, "dns-no-data")) && l->negative_ttl >= 0)
      least = fmin(least, (double)l->negative_ttl);
  }
  return isfinite(least) ? least : 0;
}

/* The look-up's words. The URL's own host, which the error names already, is not named again. */
static void describe(const struct exchange *x, const struct fault *f, char *text, size_t size)
{
  bool own = strcmp(x->target, x->host) == 0;
  const char *details = strstr(f->message, " (");
  if (x->family == 0 && is_fault(x->lookup[FOUR], "dns-no-data") && is_fault(x->lookup[SIX], "dns-no-data"))
    snprintf(text, size, "%.255s has no address, neither A nor AAAA record", own ? "the name" : x->target);
  else if (own && strcmp(f->code, "dns-not-found") == 0)
    snprintf(text, size, "no such name%s", details ? details : "");
  else
    snprintf(text, size, "%s", f->message);
}

static void not_found(struct exchange *x)
{
  const struct fault *f = worst(x);
  char message[sizeof f->message];
  x->base.negative_ttl = negative_ttl(x);
  x->base.phase = HTTP_DNS;
  describe(x, f, message, sizeof message);
  exchange_fail(x, f->code, f->class, message);
  if (f->hint[0])
    fault_hint(&x->base.fault, "%s", f->hint);
  exchange_end_soon(x);
}

static void drop_lookups(struct exchange *x)
{
  for (int i = FOUR; i <= SIX; i++)
    if (x->lookup[i]) {
      effect_free(&x->lookup[i]->effect);
      x->lookup[i] = NULL;
    }
}

void exchange_settle(struct exchange *x)
{
  struct buf list;
  double ttl = INFINITY;
  bool ok = true;
  exchange_stop_timer(x);
  buf_init(&list, 60 << 10);
  for (int i = SIX; i >= FOUR; i--)
    if (x->lookup[i] && x->lookup[i]->effect.finished)
      add_addresses(&list, x->lookup[i], &ttl);
  if (list.len && buf_ok(&list)) {
    remember(x, buf_str(&list), ttl);
    drop_lookups(x);
    ok = transfer_to(x, buf_str(&list));
  } else {
    not_found(x);
  }
  buf_free(&list);
  if (!ok) {
    exchange_fail(x, "out-of-memory", "fatal", "not enough memory");
    exchange_end_soon(x);
  }
}

/* One family is there: the other one gets its chance, if it is quick. */
static void looked_up(void *arg)
{
  struct exchange *x = arg;
  int under_way = 0, telling = 0;
  for (int i = FOUR; i <= SIX; i++) {
    const struct dns_lookup *l = x->lookup[i];
    under_way += l && !l->effect.finished;
    telling += l && l->effect.finished && (!l->fault.code || is_fault(l, "dns-not-found"));
  }
  if (!under_way || (telling && !exchange_set_timer(x, http_seconds() + RESOLUTION_DELAY)))
    exchange_settle(x);
}

static double time_for_lookup(const struct exchange *x)
{
  double left = LONGEST_LOOKUP, spent = http_seconds() - x->started;
  if (x->timeouts.connect > 0)
    left = fmin(left, x->timeouts.connect - spent);
  if (x->timeouts.total > 0)
    left = fmin(left, x->timeouts.total - spent);
  return fmax(left, 0);
}

static bool ask(struct exchange *x, int i, const char *type)
{
  struct world_dns *dns = x->http->dns;
  struct dns_question q = {.name = x->target, .type = type, .timeout = time_for_lookup(x)};
  x->lookup[i] = dns->start(dns, &q, looked_up, x);
  return x->lookup[i] != NULL;
}

static bool look_up(struct exchange *x)
{
  const char *list = remembered(x);
  if (list)
    return transfer_to(x, list);
  return (x->family == 6 || ask(x, FOUR, "A")) && (x->family == 4 || ask(x, SIX, "AAAA"));
}

/* ---- where to ------------------------------------------------------------------------------------- */

/* Nobody needs to be asked about this machine. */
static const char *loopback(int family)
{
  return family == 4 ? "127.0.0.1" : family == 6 ? "[::1]" : "127.0.0.1,[::1]";
}

bool exchange_find_host(struct exchange *x)
{
  if (x->direct) {
    exchange_transfer(x);
    return true;
  }
  if (x->target == x->host ? x->is_address : http_is_address(x->target)) {
    copy_text(x->candidate, sizeof x->candidate, x->target);
    exchange_transfer(x);
    return true;
  }
  if (real_is_localhost(x->target))
    return transfer_to(x, loopback(x->family));
  return look_up(x);
}
