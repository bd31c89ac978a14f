/* interim.c - weak stand-ins while the members are being written; goes away. */
#include "output.h"
#include "real.h"
#include <stdlib.h>
#define WEAK __attribute__((weak))
WEAK struct world_http *http_curl_new(uv_loop_t *l, const struct real_config *c, struct world_dns *d) { return calloc(1, 64); }
WEAK struct world_sql *sql_pq_new(uv_loop_t *l, const struct real_config *c, struct world_dns *d) { return calloc(1, 64); }
WEAK struct world_dns *dns_ares_new(uv_loop_t *l, const struct real_config *c) { return calloc(1, 64); }
WEAK struct world_process *process_guard_new(uv_loop_t *l, int fd) { return calloc(1, 64); }
WEAK struct world_files *files_uv_new(uv_loop_t *l) { return calloc(1, 64); }
WEAK void http_curl_free(struct world_http *h) { free(h); }
WEAK void sql_pq_free(struct world_sql *h) { free(h); }
WEAK void dns_ares_free(struct world_dns *h) { free(h); }
WEAK void process_guard_free(struct world_process *h) { free(h); }
WEAK void files_uv_free(struct world_files *h) { free(h); }
WEAK int output_open(lua_State *L) { return 0; }
WEAK struct output *output_new(int fd, struct mask *m) { return calloc(1, 1); }
WEAK void output_free(struct output *o) { free(o); }
WEAK void output_flush(struct output *o) { }
#include "mask.h"
WEAK void mask_text(struct mask *m, const char *d, size_t n, struct buf *o) { buf_add(o, d, n); }
WEAK struct mask *mask_new(void) { return calloc(1, 1); }
WEAK void mask_free(struct mask *o) { free(o); }
WEAK bool secret_test(lua_State *L, int i) { return false; }
WEAK int guard_start(void) { return -1; }
#include <unistd.h>
WEAK void output_write(struct output *o, const char *d, size_t n) { if (write(2, d, n) < 0) return; }
#include "secret.h"
#include <lauxlib.h>
WEAK const char *secret_resolve(lua_State *L, int idx, const struct destination *to, size_t *len) { lua_pushvalue(L, idx); return lua_tolstring(L, -1, len); }
WEAK void secret_push(lua_State *L, const char *n, const char *v, size_t l, const char *const *b) { lua_pushlstring(L, v, l); }
WEAK void secret_encode(lua_State *L, int idx, enum secret_encoding e) { lua_pushvalue(L, idx); }
WEAK void secret_concat(lua_State *L, int n) { lua_concat(L, n); }
