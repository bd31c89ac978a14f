/* process_args.h - the options of process.run and process.start, from Lua to the world. */
#ifndef PROCESS_ARGS_H
#define PROCESS_ARGS_H
#include "process.h"
#include <lua.h>

struct process_recipient;

struct process_args {
  const char *what;  /* the function, for errors */
  int argv, env, input, terminal, fds;  /* indices; 0: not given */
  const char *command, *cwd, *output, *prefix, *input_file;
  double timeout, grace;
  lua_Integer max_output, memory;
  bool check, merge, input_open;
};

/* Reads the table at index 1 strictly, pushing what must be kept; `what` is "process.run", or
 * "process.start", which knows fewer options. */
void process_args_read(lua_State *L, const char *what, struct process_args *o);
/* Fills argv, env, cwd, input, merged, terminal and memory of *p, secrets resolved; pushes what they point into. Returns
 * the index of the variables, which are to be closed before that is popped: they are wiped then. *program is who gets
 * the secrets, as long as all that stands there. */
int process_args_resolve(lua_State *L, const struct process_args *o, struct process_options *p,
                         struct process_recipient *program);
#endif
