/* real.h - the real world: the members on the libraries, over one libuv loop. */
#ifndef REAL_H
#define REAL_H
#include "world.h"
#include <uv.h>

/* With --local, every origin leads to the local cloud on loopback, below the secret check:
 * names keep meaning the real services. A host that no pattern covers is refused. */
struct real_config {
  bool local;
  char **hosts;             /* "api.cloudflare.com", "*.example.com"; ended by NULL */
  int http_port, https_port;
  char *dns_server;         /* "127.0.0.1:port" */
  char *ca_file;            /* PEM of the local cloud's own CA */
};

struct real {
  uv_loop_t loop;
  struct real_config config;
  struct world world;
  struct world_store store;
};

/* Members are made lazily inside: nothing is initialised before it is used. guard_fd is the
 * connection to the children's guard (guard.h), or -1. False: out of memory. */
bool real_init(struct real *r, int guard_fd);
void real_free(struct real *r);
/* Replaces the configuration; copies it. False: out of memory. */
bool real_configure(struct real *r, const struct real_config *config);
/* True when the host may be reached: always, unless local. Loopback addresses always may. */
bool real_allows(const struct real_config *config, const char *host);
/* "localhost" and every name below it are this machine, without asking anyone (RFC 6761). */
bool real_is_localhost(const char *host);
/* Likewise, and the addresses of loopback. */
bool real_is_loopback(const char *host);

/* The members, each in its own file; NULL: out of memory. `config` outlives them. */
struct world_clock *clock_uv_new(uv_loop_t *loop);
struct world_http *http_curl_new(uv_loop_t *loop, const struct real_config *config,
                                 struct world_dns *dns, struct world_environ *environ);
struct world_websocket *websocket_curl_new(uv_loop_t *loop, struct world_http *http);
struct world_sql *sql_pq_new(uv_loop_t *loop, const struct real_config *config,
                             struct world_dns *dns);
struct world_dns *dns_ares_new(uv_loop_t *loop, const struct real_config *config);
struct world_process *process_guard_new(uv_loop_t *loop, int guard_fd);
struct world_files *files_uv_new(uv_loop_t *loop);
struct world_archive *archive_uv_new(uv_loop_t *loop);
struct world_random *random_os_new(void);
struct world_environ *environ_os_new(void);
void clock_uv_free(struct world_clock *c);
void http_curl_free(struct world_http *h);
void websocket_curl_free(struct world_websocket *w);
void sql_pq_free(struct world_sql *s);
void dns_ares_free(struct world_dns *d);
void process_guard_free(struct world_process *p);
void files_uv_free(struct world_files *f);
void archive_uv_free(struct world_archive *a);
void random_os_free(struct world_random *r);
void environ_os_free(struct world_environ *e);
#endif
