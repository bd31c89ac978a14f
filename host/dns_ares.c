/* dns_ares.c - questions to the name servers, by c-ares on the loop.
 *
 * Every look-up has a channel of its own: c-ares can only cancel a whole channel, and
 * look-ups ask different servers with different timeouts. A socket of c-ares is a uv_poll;
 * one timer per look-up serves c-ares' repetitions, the deadline and the end.
 *
 * Ownership: the caller owns the look-up; freeing it destroys the channel, which closes the
 * sockets at once. The memory goes when libuv has let go of the timer.
 * Invariants: 1. done() runs from the timer only, so never inside start() or c-ares.
 *             2. after conclude() no answer changes any more. */
#include "dns_wire.h"
#include "real.h"
#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HOPS = 8, ANSWERS = 256, TRIES = 3 };

struct dns_ares {
  struct world_dns base;
  uv_loop_t *loop;
  const struct real_config *config;
  bool library;  /* ares_library_init was called */
};

struct lookup {
  struct dns_lookup base;
  struct dns_ares *dns;
  ares_channel channel;
  uv_timer_t timer;
  uint64_t deadline;  /* of the loop's clock, in ms */
  double timeout;
  int type;           /* ns_t_a … */
  int hops;           /* CNAMEs that were asked for again */
  bool concluded;
  struct watch *watches;
  char name[NS_MAXDNAME], current[NS_MAXDNAME];  /* asked for; the end of the chain so far */
  char *server;
};

/* A watched socket of c-ares. */
struct watch {
  uv_poll_t poll;
  struct lookup *lookup;
  struct watch *next;
  ares_socket_t socket;
};

/* ---- the end of a look-up ----------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

/* The outcome stands; done() runs in the next turn of the loop. */
static void conclude(struct lookup *l)
{
  l->concluded = true;
  uv_timer_start(&l->timer, on_timer, 0, 0);
}

static const char *asked(const struct lookup *l)
{
  return l->server ? l->server : l->channel ? "the configured name servers" : "nobody";
}

static void set_fault(struct lookup *l, int status)
{
  static const char *const types[] = {[ns_t_a] = "A", [ns_t_cname] = "CNAME", [ns_t_txt] = "TXT",
                                      [ns_t_aaaa] = "AAAA"};
  struct fault *f = &l->base.fault;
  const char *type = types[l->type], *name = l->name;
  switch (status) {
  case ARES_ENOTFOUND:
    fault_set(f, "dns-not-found", "pending", "no such name: %.255s (NXDOMAIN, asked %s)", name, asked(l));
    fault_hint(f, "a record that was just created may take a while to be known everywhere");
    break;
  case ARES_ENODATA:
    fault_set(f, "dns-no-data", "pending", "%.255s has no %s record (asked %s)", name, type, asked(l));
    break;
  case ARES_ETIMEOUT:
    fault_set(f, "dns-timeout", "transient", "no answer about %.255s from %s within %g s", name,
              asked(l), l->timeout);
    break;
  case ARES_EBADNAME:
    fault_set(f, "dns-name", "misuse", "not a domain name: %.255s", name);
    break;
  case ARES_ENOMEM:
    fault_set(f, "out-of-memory", "fatal", "not enough memory to look up %.255s", name);
    break;
  default:
    fault_set(f, "dns-failed", "transient", "%s record of %.255s: %s (asked %s)", type, name,
              ares_strerror(status), asked(l));
  }
}

static void conclude_with(struct lookup *l, int status)
{
  set_fault(l, status);
  conclude(l);
}

/* ---- answers ------------------------------------------------------------------------ */

static struct dns_answer *add_answer(struct lookup *l, const char *type, unsigned ttl)
{
  struct dns_lookup *b = &l->base;
  if (b->count == ANSWERS)
    return NULL;
  struct dns_answer *list = realloc(b->answers, (b->count + 1) * sizeof *list);
  if (!list)
    return NULL;
  b->answers = list;
  struct dns_answer *a = &list[b->count++];
  *a = (struct dns_answer){.ttl = ttl};
  snprintf(a->type, sizeof a->type, "%s", type);
  return a;
}

static int add_address(struct lookup *l, int family, const void *bytes, unsigned ttl)
{
  struct dns_answer *a = add_answer(l, family == AF_INET ? "A" : "AAAA", ttl);
  if (!a)
    return ARES_ENOMEM;
  inet_ntop(family, bytes, a->data, sizeof a->data);
  return ARES_SUCCESS;
}

/* The strings of a TXT record count as one text; one that C cannot hold is refused. */
static int add_text(struct lookup *l, const unsigned char *p, size_t len, unsigned ttl)
{
  struct dns_answer *a = add_answer(l, "TXT", ttl);
  size_t used = 0;
  if (!a)
    return ARES_ENOMEM;
  for (size_t n; len > 0; p += n + 1, len -= n + 1) {
    n = *p;
    if (n + 1 > len || used + n >= sizeof a->data || memchr(p + 1, 0, n))
      return ARES_EBADRESP;
    memcpy(a->data + used, p + 1, n);
    used += n;
  }
  return ARES_SUCCESS;
}

static int add_alias(struct lookup *l, const char *target, unsigned ttl)
{
  struct dns_answer *a = add_answer(l, "CNAME", ttl);
  if (!a)
    return ARES_ENOMEM;
  snprintf(a->data, sizeof a->data, "%s", target);
  snprintf(l->current, sizeof l->current, "%s", target);
  return ARES_SUCCESS;
}

/* A record's fixed part, and where its data stands. */
struct record {
  char *owner;  /* freed by ares_free_string */
  int type;
  unsigned ttl;
  const unsigned char *data;
  size_t len;
};

/* Steps over a name and `fixed` bytes after it. NULL: the packet ends before. */
static const unsigned char *skip_name(const unsigned char *p, const unsigned char *packet, int len,
                                      size_t fixed, char **name)
{
  long used;
  if (ares_expand_name(p, packet, len, name, &used) != ARES_SUCCESS)
    return NULL;
  if ((size_t)(packet + len - p) - (size_t)used >= fixed)
    return p + used + fixed;
  ares_free_string(*name);
  return NULL;
}

/* Reads the record at p; returns what follows it, NULL when the packet is broken. */
static const unsigned char *read_record(const unsigned char *p, const unsigned char *packet, int len,
                                        struct record *r)
{
  p = skip_name(p, packet, len, NS_RRFIXEDSZ, &r->owner);
  if (!p)
    return NULL;
  const unsigned char *fixed = p - NS_RRFIXEDSZ;
  r->type = get16(fixed);
  r->ttl = get16(fixed + 4) << 16 | get16(fixed + 6);
  r->len = get16(fixed + 8);
  r->data = p;
  if (r->len <= (size_t)(packet + len - p))
    return p + r->len;
  ares_free_string(r->owner);
  return NULL;
}

static int take_alias(struct lookup *l, const struct record *r, const unsigned char *packet, int len)
{
  char *target;
  long used;
  int status = ares_expand_name(r->data, packet, len, &target, &used);
  if (status != ARES_SUCCESS)
    return status;
  status = add_alias(l, target, r->ttl);
  ares_free_string(target);
  return status;
}

/* Keeps a record that belongs to the chain of names; others are passed over. */
static int take_record(struct lookup *l, const struct record *r, const unsigned char *packet, int len)
{
  if (strcasecmp(r->owner, l->current) != 0)
    return ARES_SUCCESS;
  if (r->type == ns_t_cname)
    return take_alias(l, r, packet, len);
  if (r->type != l->type)
    return ARES_SUCCESS;
  if (r->type == ns_t_txt)
    return add_text(l, r->data, r->len, r->ttl);
  size_t size = r->type == ns_t_a ? NS_INADDRSZ : NS_IN6ADDRSZ;
  if (r->len != size)
    return ARES_EBADRESP;
  return add_address(l, r->type == ns_t_a ? AF_INET : AF_INET6, r->data, r->ttl);
}

static int take_answers(struct lookup *l, const unsigned char *packet, int len)
{
  if (len < NS_HFIXEDSZ || get16(packet + 4) != 1)
    return ARES_EBADRESP;
  char *question;
  const unsigned char *p = skip_name(packet + NS_HFIXEDSZ, packet, len, NS_QFIXEDSZ, &question);
  if (!p)
    return ARES_EBADRESP;
  ares_free_string(question);
  int status = ARES_SUCCESS;
  for (unsigned n = get16(packet + 6); n > 0 && status == ARES_SUCCESS; n--) {
    struct record r;
    p = read_record(p, packet, len, &r);
    if (!p)
      return ARES_EBADRESP;
    status = take_record(l, &r, packet, len);
    ares_free_string(r.owner);
  }
  return status;
}

/* True when a record of the type that was asked for is among the answers. */
static bool complete(const struct lookup *l)
{
  if (l->base.count == 0)
    return false;
  const char *last = l->base.answers[l->base.count - 1].type;
  return l->type == ns_t_cname || strcmp(last, "CNAME") != 0;
}

static void ask(struct lookup *l);

static void answered(void *arg, int status, int timeouts, unsigned char *packet, int len)
{
  struct lookup *l = arg;
  (void)timeouts;
  if (status == ARES_EDESTRUCTION || l->concluded)
    return;
  size_t before = l->base.count;
  if (status == ARES_SUCCESS)
    status = take_answers(l, packet, len);
  if (status != ARES_SUCCESS)
    conclude_with(l, status);
  else if (complete(l))
    conclude(l);
  else if (l->base.count == before)
    conclude_with(l, ARES_ENODATA);
  else if (++l->hops < HOPS)
    ask(l);  // the server knows the alias and not where it leads
  else
    conclude_with(l, ARES_ESERVFAIL);
}

/* ---- c-ares on the loop ---------------------------------------------------------------- */

/* The timer goes off when c-ares wants it or at the deadline, whichever is first. */
static void schedule(struct lookup *l)
{
  if (l->concluded)
    return;
  uint64_t now = uv_now(l->dns->loop);
  uint64_t wait = l->deadline > now ? l->deadline - now : 0;
  struct timeval tv, *next = ares_timeout(l->channel, NULL, &tv);
  if (next) {
    uint64_t ms = (uint64_t)next->tv_sec * 1000 + ((uint64_t)next->tv_usec + 999) / 1000;
    wait = ms < wait ? ms : wait;
  }
  uv_timer_start(&l->timer, on_timer, wait, 0);
}

static void process(struct lookup *l, ares_socket_t readable, ares_socket_t writable)
{
  ares_process_fd(l->channel, readable, writable);
  schedule(l);
}

static void on_timer(uv_timer_t *timer)
{
  struct lookup *l = timer->data;
  if (l->concluded)
    effect_finish(&l->base.effect);  // l may be gone after this
  else if (uv_now(l->dns->loop) >= l->deadline)
    conclude_with(l, ARES_ETIMEOUT);
  else
    process(l, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
  struct watch *w = poll->data;
  bool failed = status < 0;
  process(w->lookup, failed || events & UV_READABLE ? w->socket : ARES_SOCKET_BAD,
          failed || events & UV_WRITABLE ? w->socket : ARES_SOCKET_BAD);
}

static void watch_closed(uv_handle_t *poll)
{
  free(poll->data);
}

static struct watch *new_watch(struct lookup *l, ares_socket_t socket)
{
  struct watch *w = calloc(1, sizeof *w);
  if (!w)
    return NULL;
  *w = (struct watch){.lookup = l, .socket = socket, .next = l->watches};
  if (uv_poll_init(l->dns->loop, &w->poll, socket) != 0) {
    free(w);
    return NULL;
  }
  w->poll.data = w;
  l->watches = w;
  return w;
}

/* c-ares wants to hear of a socket, or is about to close it. A socket that cannot be watched
 * makes the look-up run into its timeout. */
static void socket_wanted(void *lookup, ares_socket_t socket, int readable, int writable)
{
  struct lookup *l = lookup;
  struct watch **at = &l->watches;
  while (*at && (*at)->socket != socket)
    at = &(*at)->next;
  struct watch *w = *at;
  int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  if (events && (w || (w = new_watch(l, socket)))) {
    uv_poll_start(&w->poll, events, on_socket);
  } else if (w) {
    *at = w->next;
    uv_close((uv_handle_t *)&w->poll, watch_closed);
  }
}

/* Repeats after 1/7, 3/7 and 7/7 of the time when there is one server. */
static int open_channel(struct lookup *l)
{
  struct ares_options options = {.tries = TRIES, .timeout = (int)(l->timeout * 1000 / 7) + 1,
                                 .flags = ARES_FLAG_NOCHECKRESP,  // SERVFAIL is told, not hidden
                                 .sock_state_cb = socket_wanted, .sock_state_cb_data = l};
  int mask = ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS | ARES_OPT_FLAGS | ARES_OPT_SOCK_STATE_CB;
  if (!l->dns->library)
    l->dns->library = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  int status = ares_init_options(&l->channel, &options, mask);
  if (status != ARES_SUCCESS)
    l->channel = NULL;
  else if (l->server)
    status = ares_set_servers_ports_csv(l->channel, l->server);
  return status;
}

static void ask(struct lookup *l)
{
  ares_query(l->channel, l->current, ns_c_in, l->type, answered, l);
}

/* ---- answers that need no question -------------------------------------------------------- */

/* ARES_ENODATA: the name is settled here and has no such record. */
static int answer_local(struct lookup *l, const char *v4, const char *v6)
{
  const char *address = l->type == ns_t_a ? v4 : l->type == ns_t_aaaa ? v6 : NULL;
  if (!address)
    return ARES_ENODATA;
  struct dns_answer *a = add_answer(l, v4 == address ? "A" : "AAAA", 0);
  if (!a)
    return ARES_ENOMEM;
  snprintf(a->data, sizeof a->data, "%s", address);
  return ARES_SUCCESS;
}

/* The machine's own table of hosts. ARES_ENOTFOUND: not there. */
static int answer_from_hosts(struct lookup *l)
{
  struct hostent *host = NULL;
  int family = l->type == ns_t_a ? AF_INET : AF_INET6;
  int status = ares_gethostbyname_file(l->channel, l->name, family, &host);
  for (char **a = status == ARES_SUCCESS ? host->h_addr_list : NULL; a && *a; a++)
    if (host->h_addrtype == family && status == ARES_SUCCESS)
      status = add_address(l, family, *a, 0);
  if (host)
    ares_free_hostent(host);
  return status == ARES_SUCCESS && l->base.count == 0 ? ARES_ENOTFOUND : status;
}

static bool answer_without_asking(struct lookup *l)
{
  unsigned char bytes[NS_IN6ADDRSZ];
  int status;
  if (inet_pton(AF_INET, l->name, bytes) == 1)
    status = answer_local(l, l->name, NULL);
  else if (inet_pton(AF_INET6, l->name, bytes) == 1)
    status = answer_local(l, NULL, l->name);
  else if (real_is_localhost(l->name))
    status = answer_local(l, "127.0.0.1", "::1");
  else
    return false;
  if (status == ARES_SUCCESS)
    conclude(l);
  else
    conclude_with(l, status);
  return true;
}

/* ---- the interface -------------------------------------------------------------------------- */

static void timer_closed(uv_handle_t *timer)
{
  free(timer->data);
}

static void destroy(struct effect *e)
{
  struct lookup *l = (struct lookup *)e;
  if (l->channel)
    ares_destroy(l->channel);
  free(l->base.answers);
  free(l->server);
  uv_close((uv_handle_t *)&l->timer, timer_closed);
}

static int type_number(const char *type)
{
  return strcmp(type, "AAAA") == 0 ? ns_t_aaaa : strcmp(type, "CNAME") == 0 ? ns_t_cname :
         strcmp(type, "TXT") == 0 ? ns_t_txt : ns_t_a;
}

/* "127.0.0.1:5300", "[::1]:5300" or an address alone, and loopback when that is all there is. */
static bool may_ask(const struct lookup *l)
{
  char host[INET6_ADDRSTRLEN + 1];
  const char *from = l->server + (l->server[0] == '[');
  size_t n = l->server[0] == '[' ? strcspn(from, "]") : strcspn(from, ":");
  snprintf(host, sizeof host, "%.*s", (int)n, from);
  return real_allows(l->dns->config, host);
}

static void begin_asking(struct lookup *l)
{
  const struct real_config *c = l->dns->config;
  struct fault *f = &l->base.fault;
  if (c->local && (!l->server || !may_ask(l))) {
    fault_set(f, "not-local", "fatal", "%.255s: --local asks no name server of the internet", l->name);
    conclude(l);
    return;
  }
  int status = open_channel(l);
  if (status == ARES_EBADSTR || status == ARES_ENODATA) {
    fault_set(f, "dns-server", "misuse", "not the address of a name server: %.100s", l->server);
    fault_hint(f, "write it as 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53");
    conclude(l);
    return;
  }
  bool address = l->type == ns_t_a || l->type == ns_t_aaaa;
  if (status == ARES_SUCCESS && address && !l->server) {
    status = answer_from_hosts(l);
    if (status == ARES_SUCCESS) {
      conclude(l);
      return;
    }
    status = status == ARES_ENOMEM ? status : ARES_SUCCESS;
  }
  if (status != ARES_SUCCESS)
    conclude_with(l, status);
  else
    ask(l);
  schedule(l);
}

/* Keeps the name without its final dot; false: it is too long to be one. */
static bool keep_name(struct lookup *l, const char *name)
{
  size_t n = strlen(name);
  if (n > 1 && name[n - 1] == '.')
    n--;
  snprintf(l->name, sizeof l->name, "%.*s", (int)n, name);
  snprintf(l->current, sizeof l->current, "%s", l->name);
  return n > 0 && n < 256;
}

static struct dns_lookup *start(struct world_dns *base, const struct dns_question *q,
                                effect_done *done, void *arg)
{
  struct dns_ares *d = (struct dns_ares *)base;
  const char *server = q->server ? q->server : d->config->local ? d->config->dns_server : NULL;
  struct lookup *l = calloc(1, sizeof *l);
  if (!l)
    return NULL;
  l->base.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  l->dns = d;
  l->type = type_number(q->type);
  l->timeout = q->timeout;
  l->server = copy_str(server);
  uv_timer_init(d->loop, &l->timer);
  l->timer.data = l;
  uv_update_time(d->loop);
  l->deadline = uv_now(d->loop) + (uint64_t)(q->timeout * 1000);
  if (server && !l->server) {
    destroy(&l->base.effect);
    return NULL;
  }
  if (!keep_name(l, q->name))
    conclude_with(l, ARES_EBADNAME);
  else if (!answer_without_asking(l))
    begin_asking(l);
  return &l->base;
}

struct world_dns *dns_ares_new(uv_loop_t *loop, const struct real_config *config)
{
  struct dns_ares *d = calloc(1, sizeof *d);
  if (!d)
    return NULL;
  *d = (struct dns_ares){.base = {start}, .loop = loop, .config = config};
  return &d->base;
}

void dns_ares_free(struct world_dns *base)
{
  struct dns_ares *d = (struct dns_ares *)base;
  if (d && d->library)
    ares_library_cleanup();
  free(d);
}
