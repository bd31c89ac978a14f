/* mask_derive.h - what else is secret when a value is: the texts that can be read out of it.
 *
 * Without its quotes; the password in a URL or a connection string, as it is written there and
 * decoded; strings of JSON, and of files of NAME=value, under names that say so. Never the
 * user, the host, or a word that everybody writes. Knows nothing of Lua. */
#ifndef MASK_DERIVE_H
#define MASK_DERIVE_H
#include "mask_text.h"

/* False: stop, memory is short. */
typedef bool derived_sink(void *arg, struct text t);

/* False when sink said so or memory was short. */
bool mask_derive(struct text value, derived_sink *sink, void *arg);

/* ---- between the files of this: mask_derive.c, mask_url.c, mask_pairs.c, mask_leaves.c ---- */

enum { DERIVE_DEPTH = 2 };  /* a URL inside JSON inside a file of NAME=value */

struct deriver {
  derived_sink *sink;
  void *arg;
  int depth;  /* how many texts the one at hand was read out of */
  bool ok;
};

/* Hands on a text, unless it is a word that everybody writes, or too short. */
void derive_add(struct deriver *d, struct text t);
/* Looks into a text that was read out of another. */
void derive_inside(struct deriver *d, struct text t);
/* Hands on what stands under a name, if the name or the look of it says that it is secret, and
 * looks into it. `guess`: no name is needed for what looks like nothing else. */
void derive_named(struct deriver *d, struct text name, struct text value, bool guess);

/* Passwords in URLs, and parameters with telling names. */
void derive_urls(struct deriver *d, struct text t);
/* "Server=…;Password=…", "host=… password=…", NAME=value and name: value, line by line. */
void derive_pairs(struct deriver *d, struct text t);
/* Strings of JSON. */
void derive_leaves(struct deriver *d, struct text t);

/* What a name says of its value. */
enum mask_name_says { NAME_NOTHING, NAME_PERHAPS, NAME_SECRET, NAME_HARMLESS };
enum mask_name_says mask_name_says(struct text name);
/* True for what nobody would make up of words: long, no blank, a run of letters and digits mixed. */
bool mask_looks_random(struct text t);
#endif
