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
#include "dns_fault.h"
#include "dns_message.h"
#include "real.h"
#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TRIES = 3 };

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
  uint64_t started;   /* of uv_hrtime */
  struct dns_reading reading;
  unsigned hops;      /* aliases that were asked for again */
  size_t servers;     /* that can still be asked */
  bool moving;        /* to the next of them */
  bool concluded;
  struct watch *watches;
  char name[256];     /* asked for, without the final dot */
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
  struct dns_lookup *b = &l->base;
  l->concluded = true;
  b->seconds = (double)(uv_hrtime() - l->started) / 1e9;
  b->answers = l->reading.answers;
  b->count = l->reading.count;
  b->negative_ttl = l->reading.negative_ttl;
  uv_timer_start(&l->timer, on_timer, 0, 0);
}

static void conclude_with(struct lookup *l, enum dns_end end)
{
  l->base.seconds = (double)(uv_hrtime() - l->started) / 1e9;
  dns_fault(&l->base, end, l->name, &l->reading, l->timeout);
  conclude(l);
}

/* ---- answers ------------------------------------------------------------------------ */

static void ask(struct lookup *l);

/* Who fails or refuses makes the next server be asked, from the timer: c-ares reads from this one
 * still. False: it was the last. */
static bool turn_away(struct lookup *l)
{
  l->moving = l->servers > 1;
  if (l->moving)
    uv_timer_start(&l->timer, on_timer, 0, 0);
  return l->moving;
}

/* Drops the first server and asks again. */
static void move_on(struct lookup *l)
{
  struct ares_addr_port_node *servers = NULL;
  l->moving = false;
  l->servers--;
  int status = ares_get_servers_ports(l->channel, &servers);
  if (status == ARES_SUCCESS)
    status = ares_set_servers_ports(l->channel, servers->next);
  ares_free_data(servers);
  if (status == ARES_SUCCESS)
    ask(l);
  else
    conclude_with(l, DNS_END_MEMORY);
}

/* An alias that leads to a name which cannot be written in a question ends there. */
static void ask_again(struct lookup *l)
{
  if (++l->hops > DNS_ALIASES || strchr(l->reading.current, '\\'))
    conclude_with(l, DNS_END_CIRCLE);
  else
    ask(l);
}

static enum dns_end end_of(int status)
{
  switch (status) {
  case ARES_ETIMEOUT: return DNS_END_SILENCE;
  case ARES_ECONNREFUSED: return DNS_END_NOBODY;
  case ARES_EBADNAME: return DNS_END_NAME;
  case ARES_ENOMEM: return DNS_END_MEMORY;
  default: return DNS_END_BROKEN;
  }
}

static void answered(void *arg, int status, int timeouts, unsigned char *packet, int len)
{
  static const enum dns_end ends[] = {
    [DNS_NO_NAME] = DNS_END_NO_NAME, [DNS_NO_DATA] = DNS_END_NO_DATA, [DNS_REFERRAL] = DNS_END_REFERRAL,
    [DNS_REFUSED] = DNS_END_REFUSED, [DNS_CUT] = DNS_END_CUT, [DNS_STRAY] = DNS_END_STRAY,
    [DNS_CIRCLE] = DNS_END_CIRCLE, [DNS_BROKEN] = DNS_END_BROKEN, [DNS_NO_MEMORY] = DNS_END_MEMORY};
  struct lookup *l = arg;
  (void)timeouts;
  if (status == ARES_EDESTRUCTION || l->concluded)
    return;
  if (!packet) {
    conclude_with(l, end_of(status));
    return;
  }
  enum dns_outcome outcome = dns_message_read(&l->reading, packet, (size_t)len);
  if (outcome == DNS_FOUND)
    conclude(l);
  else if (outcome == DNS_ALIAS)
    ask_again(l);
  else if (outcome != DNS_REFUSED || !turn_away(l))
    conclude_with(l, ends[outcome]);
}

/* ---- c-ares on the loop ---------------------------------------------------------------- */

/* The timer goes off when c-ares wants it or at the deadline, whichever is first. */
static void schedule(struct lookup *l)
{
  if (l->concluded || l->moving)
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
  if (l->concluded) {
    effect_finish(&l->base.effect);
    return;  // l may be gone
  }
  if (uv_now(l->dns->loop) >= l->deadline)
    conclude_with(l, DNS_END_SILENCE);
  else if (l->moving)
    move_on(l);
  else
    ares_process_fd(l->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  schedule(l);
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

/* "192.0.2.1, 192.0.2.2:5300", as many as fit, and how many there are. */
static void list_servers(struct lookup *l)
{
  struct ares_addr_port_node *servers = NULL;
  char *out = l->base.server;
  size_t used = 0, size = sizeof l->base.server;
  ares_get_servers_ports(l->channel, &servers);
  for (struct ares_addr_port_node *s = servers; s; s = s->next, l->servers++) {
    char address[INET6_ADDRSTRLEN] = "", port[8] = "";
    bool v6 = s->family == AF_INET6 && s->udp_port;
    inet_ntop(s->family, &s->addr, address, sizeof address);
    if (s->udp_port)
      snprintf(port, sizeof port, ":%d", s->udp_port);
    if (used < size)
      used += (size_t)snprintf(out + used, size - used, v6 ? "%s[%s]%s" : "%s%s%s", used ? ", " : "", address, port);
  }
  ares_free_data(servers);
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
  if (status == ARES_SUCCESS)
    list_servers(l);
  return status;
}

static void ask(struct lookup *l)
{
  ares_query(l->channel, l->reading.current, DNS_CLASS_IN, (int)l->reading.type->number, answered, l);
}

/* ---- answers that need no question -------------------------------------------------------- */

static bool asks_for(const struct lookup *l, unsigned type)
{
  return l->reading.type->number == type;
}

/* The name is settled here: it has these addresses and nothing else. */
static void answer_local(struct lookup *l, const char *v4, const char *v6)
{
  const char *address = asks_for(l, DNS_A) ? v4 : asks_for(l, DNS_AAAA) ? v6 : NULL;
  if (!address)
    conclude_with(l, DNS_END_NO_DATA);
  else if (dns_reading_add(&l->reading, l->reading.type->name, address, 0))
    conclude(l);
  else
    conclude_with(l, DNS_END_MEMORY);
}

static bool answer_without_asking(struct lookup *l)
{
  unsigned char bytes[16];
  if (inet_pton(AF_INET, l->name, bytes) == 1)
    answer_local(l, l->name, NULL);
  else if (inet_pton(AF_INET6, l->name, bytes) == 1)
    answer_local(l, NULL, l->name);
  else if (real_is_localhost(l->name))
    answer_local(l, "127.0.0.1", "::1");
  return l->concluded;
}

/* The machine's own table of hosts. ARES_ENOTFOUND: not there. */
static int answer_from_hosts(struct lookup *l)
{
  struct hostent *host = NULL;
  int family = asks_for(l, DNS_A) ? AF_INET : AF_INET6;
  int status = ares_gethostbyname_file(l->channel, l->name, family, &host);
  for (char **a = status == ARES_SUCCESS ? host->h_addr_list : NULL; a && *a; a++) {
    char text[INET6_ADDRSTRLEN];
    if (host->h_addrtype == family && status == ARES_SUCCESS &&
        !dns_reading_add(&l->reading, l->reading.type->name, inet_ntop(family, *a, text, sizeof text), 0))
      status = ARES_ENOMEM;
  }
  if (host)
    ares_free_hostent(host);
  return status == ARES_SUCCESS && l->reading.count == 0 ? ARES_ENOTFOUND : status;
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
  dns_answers_free(l->reading.answers, l->reading.count);
  free(l->server);
  uv_close((uv_handle_t *)&l->timer, timer_closed);
}

/* With --local every name server is the local cloud's, as every origin is; one on loopback is a
 * test's own. False: out of memory. */
static bool choose_server(struct lookup *l, const char *server)
{
  const struct real_config *c = l->dns->config;
  bool loopback = server && (strncmp(server, "127.", 4) == 0 || strncmp(server, "[::1]", 5) == 0 ||
                             strcmp(server, "::1") == 0);
  const char *chosen = c->local && (!loopback || strchr(server, ',')) ? c->dns_server : server;
  l->server = copy_str(chosen);
  return l->server || !chosen;
}

static void refuse(struct lookup *l, const char *code, const char *class, const char *what, const char *hint)
{
  fault_set(&l->base.fault, code, class, "%s", what);
  fault_hint(&l->base.fault, "%s", hint);
  conclude(l);
}

/* True when the machine's own table settled it, one way or the other. */
static bool settled_by_hosts(struct lookup *l)
{
  if (l->server || !(asks_for(l, DNS_A) || asks_for(l, DNS_AAAA)))
    return false;
  int status = answer_from_hosts(l);
  if (status == ARES_SUCCESS)
    conclude(l);
  else if (status == ARES_ENOMEM)
    conclude_with(l, DNS_END_MEMORY);
  return l->concluded;
}

static void begin_asking(struct lookup *l)
{
  char what[400];
  if (l->dns->config->local && !l->server) {
    snprintf(what, sizeof what, "%.255s: --local asks no name server of the internet", l->name);
    refuse(l, "not-local", "fatal", what, "");
    return;
  }
  int status = open_channel(l);
  if (status == ARES_EBADSTR || status == ARES_ENODATA) {
    snprintf(what, sizeof what, "not the address of a name server: %.100s", l->server);
    refuse(l, "dns-server", "misuse", what, "write it as 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53");
    return;
  }
  if (status != ARES_SUCCESS)
    conclude_with(l, end_of(status));
  else if (!settled_by_hosts(l))
    ask(l);
  schedule(l);
}

/* Keeps the name without its final dot; false: it is too long to be one. */
static bool keep_name(struct lookup *l, const char *name, const struct dns_type *type)
{
  size_t n = strlen(name);
  if (n > 1 && name[n - 1] == '.')
    n--;
  snprintf(l->name, sizeof l->name, "%.*s", (int)n, name);
  dns_reading_init(&l->reading, type, l->name);
  return n > 0 && n < sizeof l->name;
}

static struct dns_lookup *start(struct world_dns *base, const struct dns_question *q,
                                effect_done *done, void *arg)
{
  struct dns_ares *d = (struct dns_ares *)base;
  struct lookup *l = calloc(1, sizeof *l);
  if (!l)
    return NULL;
  l->base.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  l->dns = d;
  l->timeout = q->timeout;
  uv_timer_init(d->loop, &l->timer);
  l->timer.data = l;
  uv_update_time(d->loop);
  l->started = uv_hrtime();
  l->deadline = uv_now(d->loop) + (uint64_t)(q->timeout * 1000);
  bool is_name = keep_name(l, q->name, dns_type_named(q->type));
  if (!choose_server(l, q->server)) {
    destroy(&l->base.effect);
    return NULL;
  }
  if (!is_name)
    conclude_with(l, DNS_END_NAME);
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
