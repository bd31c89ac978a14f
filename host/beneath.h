/* beneath.h - where a path leads, and whether that is beneath a folder. Knows nothing of Lua.
 *
 * Asking first and opening afterwards would leave a moment in which a link can be put in the
 * way. So the folders on the way are opened one after the other, links are read and followed
 * by hand, and the answer is an open folder and one name in it: whoever goes on from there with
 * openat() and its like, without following that name, cannot be led elsewhere. */
#ifndef BENEATH_H
#define BENEATH_H
#include <stdbool.h>

struct spot {
  int folder;     /* open for *at(), or AT_FDCWD when no root was given */
  char *name;     /* in it; "." for the folder itself */
  bool outside;   /* after a failure: the path leads out of the root */
};

enum {
  BENEATH_FOLLOW = 1,  /* the last name, too: its link is followed, a folder is entered */
  BENEATH_MAKE = 2,    /* makes the folders that are missing; with FOLLOW the last one, too */
  BENEATH_ABSENT = 4,  /* what is not there is taken as written */
};

/* Finds where the path (relative to the working folder, or absolute) leads. With a root, an
 * absolute path, everything but its inside is refused; it may be left and entered again on the
 * way. Without one nothing is looked at or made. False: errno, or s->outside. */
bool beneath_find(const char *root, const char *path, int flags, struct spot *s);
void beneath_free(struct spot *s);
#endif
