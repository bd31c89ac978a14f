/* real.c - puts the real world together, and keeps the mapping of --local. */
#include "real.h"
#include "store.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the configuration ---------------------------------------------------------- */

static void free_config(struct real_config *c)
{
  for (char **h = c->hosts; h && *h; h++)
    free(*h);
  free(c->hosts);
  free(c->dns_server);
  free(c->ca_file);
  *c = (struct real_config){0};
}

static bool copy_hosts(struct real_config *to, char *const *hosts)
{
  size_t n = 0;
  while (hosts && hosts[n])
    n++;
  to->hosts = calloc(n + 1, sizeof *to->hosts);
  for (size_t i = 0; to->hosts && i < n; i++)
    if (!(to->hosts[i] = strdup(hosts[i])))
      return false;
  return to->hosts != NULL;
}

bool real_configure(struct real *r, const struct real_config *config)
{
  struct real_config c = {.local = config->local, .http_port = config->http_port,
                          .https_port = config->https_port};
  c.dns_server = copy_str(config->dns_server);
  c.ca_file = copy_str(config->ca_file);
  bool copied = copy_hosts(&c, config->hosts) && !!c.dns_server == !!config->dns_server &&
                !!c.ca_file == !!config->ca_file;
  if (!copied) {
    free_config(&c);
    return false;
  }
  free_config(&r->config);
  r->config = c;
  return true;
}

bool real_is_localhost(const char *host)
{
  size_t n = strlen(host);
  return strcasecmp(host, "localhost") == 0 ||
         (n > 10 && strcasecmp(host + n - 10, ".localhost") == 0);
}

/* A name may begin with 127., too. */
static bool is_loopback_four(const char *host)
{
  return strncmp(host, "127.", 4) == 0 && !host[strspn(host, "0123456789.")];
}

bool real_is_loopback(const char *host)
{
  return is_loopback_four(host) || strcmp(host, "::1") == 0 || strcmp(host, "[::1]") == 0 ||
         real_is_localhost(host);
}

/* "*.example.com" covers names below example.com, not example.com itself. */
static bool covers(const char *pattern, const char *host)
{
  if (strncmp(pattern, "*.", 2) != 0)
    return strcasecmp(pattern, host) == 0;
  size_t np = strlen(pattern) - 1, nh = strlen(host);
  return nh > np && strcasecmp(host + nh - np, pattern + 1) == 0;
}

bool real_allows(const struct real_config *config, const char *host)
{
  if (!config->local || real_is_loopback(host))
    return true;
  for (char **h = config->hosts; h && *h; h++)
    if (covers(*h, host))
      return true;
  return false;
}

/* ---- the members ------------------------------------------------------------------- */

static bool is_url(const char *place)
{
  return strncmp(place, "postgresql://", 13) == 0 || strncmp(place, "postgres://", 11) == 0;
}

static struct store *open_store(struct world_store *w, const char *place, struct fault *fault)
{
  (void)w;
  return is_url(place) ? store_postgres_new(place, fault)
                       : store_sqlite_new(place, store_clock_system(), fault);
}

bool real_init(struct real *r, int guard_fd)
{
  *r = (struct real){0};
  if (uv_loop_init(&r->loop) != 0)
    return false;
  struct world *w = &r->world;
  r->store.open = open_store;
  w->store = &r->store;
  w->clock = clock_uv_new(&r->loop);
  w->random = random_os_new();
  w->environ = environ_os_new();
  w->files = files_uv_new(&r->loop);
  w->archive = archive_uv_new(&r->loop);
  w->dns = dns_ares_new(&r->loop, &r->config);
  w->process = process_guard_new(&r->loop, guard_fd);
  if (w->dns && w->environ) {
    w->http = http_curl_new(&r->loop, &r->config, w->dns, w->environ);
    w->sql = sql_pq_new(&r->loop, &r->config, w->dns);
  }
  if (w->http)
    w->websocket = websocket_curl_new(&r->loop, w->http);
  if (w->clock && w->websocket && w->random && w->environ && w->files && w->archive && w->process && w->http && w->sql)
    return true;
  real_free(r);
  return false;
}

void real_free(struct real *r)
{
  struct world *w = &r->world;
  websocket_curl_free(w->websocket);
  http_curl_free(w->http);
  sql_pq_free(w->sql);
  dns_ares_free(w->dns);
  process_guard_free(w->process);
  files_uv_free(w->files);
  random_os_free(w->random);
  environ_os_free(w->environ);
  clock_uv_free(w->clock);
  uv_run(&r->loop, UV_RUN_DEFAULT);  // lets closing handles finish, and jobs that were told to stop
  archive_uv_free(w->archive);
  uv_loop_close(&r->loop);
  free_config(&r->config);
}
