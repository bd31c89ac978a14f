/* http_lua.h - what the files of the module "http.core" share.
 *
 *   http_lua.c        the options of a request, its reply, request()
 *   http_files_lua.c  the options that name files: from, to, sha256, outside
 *   http_sign_lua.c   the option sigv4, and presign()
 *   http_stream_lua.c stream(): the body in pieces, as they come */
#ifndef HTTP_LUA_H
#define HTTP_LUA_H
#include "http.h"
#include "http_transfer.h"
#include "secret.h"
#include <lua.h>

/* A request as the options at index 1 have it. What it points to stands on the stack. */
struct http_call {
  struct http_request request;
  struct transfer_options files;
  bool has_files;
  bool streams;    /* set by the caller: the answer is taken in pieces */
};

/* ---- http_lua.c --------------------------------------------------------------------------- */

/* Reads the options; pushes what the call points to. `digest` is that of the file `from`, looked at
 * before, or NULL. `what` names the function in errors. */
void http_call_read(lua_State *L, const char *what, const struct file_operation *digest, struct http_call *c);
/* Pushes the reply of an exchange. */
void http_reply_push(lua_State *L, struct http_exchange *x);
/* Raises the fault of an exchange. Does not return. */
int http_fault_raise(lua_State *L, const struct http_exchange *x);

/* ---- http_files_lua.c ---------------------------------------------------------------------- */

struct http_file_options {
  const char *from, *to;
  int sha256;
  bool outside;
};

#define HTTP_FILE_OPTIONS(member) \
  {"from", OPT_STRING, offsetof(struct options, member.from), false}, \
  {"to", OPT_STRING, offsetof(struct options, member.to), false}, \
  {"sha256", OPT_ANY, offsetof(struct options, member.sha256), false}, \
  {"outside", OPT_BOOLEAN, offsetof(struct options, member.outside), false}

/* Checks them, and adds them to the call, whose request has been read. */
void http_files_read(lua_State *L, const char *what, const struct http_file_options *o, struct http_call *c);
/* Carries the call out; to be called as `return http_files_run(...)`. */
int http_files_run(lua_State *L, const struct http_call *c);

/* ---- http_sign_lua.c ----------------------------------------------------------------------- */

/* True when the table `sigv4` at the index signs the body, so that its digest has to be known. */
bool http_sign_needs_digest(lua_State *L, int sigv4);
/* Signs the request as the table at the index says; pushes what it points to from now on. `to`: where
 * its secrets go (http_recipient.h). */
void http_sign(lua_State *L, const char *what, int sigv4, const char *digest, const struct destination *to,
               struct http_request *r);
/* http.core.presign{...} -> url */
int http_presign(lua_State *L);

/* ---- http_stream_lua.c --------------------------------------------------------------------- */

/* http.core.stream{...} -> reply, and the handle of a body in pieces when its status is 2xx */
int http_stream(lua_State *L);
void http_stream_open(lua_State *L);
#endif
