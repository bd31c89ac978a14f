/* process_recipient.h - a program as the destination of secrets. */
#ifndef PROCESS_RECIPIENT_H
#define PROCESS_RECIPIENT_H
#include "process.h"
#include "process_fault.h"
#include "secret.h"

struct process_recipient {
  struct world_process *world;
  struct process_place place;  /* what is started */
  const char *root;            /* where the "./" of a binding begins; NULL: the working folder */
};

/* Copies all that it points to but the world. False: out of memory; it can be freed all the same. */
bool process_recipient_copy(struct process_recipient *to, const struct process_recipient *from);
void process_recipient_free(struct process_recipient *r);
/* `place` is for errors: "environment FOO", "input". Both live as long as the destination. */
struct destination process_destination(const struct process_recipient *r, const char *place);
#endif
