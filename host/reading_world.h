/* reading_world.h - what the parts of a world for looking share; see reading.h. */
#ifndef READING_WORLD_H
#define READING_WORLD_H
#include "reading.h"

struct allowed_folder {
  struct allowed_folder *next;
  char path[];  /* absolute, without a '/' at its end */
};

struct allowed_command {
  struct allowed_command *next;
  size_t count;
  char words[];  /* each ended by NUL */
};

struct reading {
  struct world world;
  struct world *under;
  uv_loop_t *loop;
  struct world_http http;
  struct world_websocket websocket;
  struct world_sql sql;
  struct world_process process;
  struct world_files files;
  struct world_archive archive;
  struct world_store store;
  struct allowed_folder *folders;
  struct allowed_command *commands;
  char refused[512];
};

#define READING_OF(member, m) ((struct reading *)((char *)(m) - offsetof(struct reading, member)))

/* An effect of `size` bytes, zero but for the fault, that ends in a later turn of the loop: "a plan changes nothing,
 * and this would …". It begins with a struct effect and a struct fault. NULL: out of memory. */
void *reading_refuse(struct reading *r, size_t size, effect_done *done, void *arg, const char *format, ...)
  __attribute__((format(printf, 5, 6)));
/* The fault alone, for what does not wait; noted as refused. */
void reading_fault(struct reading *r, struct fault *f, const char *format, va_list ap);

/* Each fills its member of the world. */
void reading_sql_open(struct reading *r);
void reading_process_open(struct reading *r);
void reading_files_open(struct reading *r);
#endif
