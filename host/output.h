/* output.h - the standard streams: everything that leaves through them is masked first. */
#ifndef OUTPUT_H
#define OUTPUT_H
#include <lua.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

struct mask;
struct output;

/* fd 1 or 2, or a pipe or file of tests. NULL: out of memory. */
struct output *output_new(int fd, struct mask *mask);
void output_free(struct output *o);
/* Masks what goes to o together with what goes to the other, when both lead to the same file, in
 * the order in which it is written: each may write a half of a secret. To be called first. */
void output_join(struct output *o, struct output *with);
/* Masks and writes. What could still become a secret is held back until the next write. */
void output_write(struct output *o, const char *data, size_t len);
/* Releases what is held: before waiting for a person, and at the end. */
void output_flush(struct output *o);
/* What is written from here on can give GitHub's runner no command (workflow.h), unless the stream
 * goes to a file or a device, which the runner does not read. */
void output_disarm(struct output *o);
/* Writes a line with its end that was masked already, on a line of its own. */
void output_line(struct output *o, const char *line, size_t len);
/* Writes a workflow command of our own, a whole line with its end, masked; nothing where no
 * runner listens. */
void output_command(struct output *o, const char *line, size_t len);
/* Whether it was disarmed: this is a step of GitHub's. */
bool output_is_disarmed(const struct output *o);
/* Whether the runner reads it, be it through another program ("tee"). */
bool output_is_watched(const struct output *o);
/* From here on the stream is data for a program: output_add_mask() leaves it alone. */
void output_keep(struct output *o);
/* Tells GitHub's runner to mask a value, the one command that is not masked itself. False: nobody listens here, or
 * another program would get the value, too; nothing was written. */
bool output_add_mask(struct output *o, const char *value, size_t len);
/* From when *stopping is not 0, half a second of a reader that takes nothing ends the stream. */
void output_heed(struct output *o, const volatile sig_atomic_t *stopping);
/* 0, or the errno of the write that failed: EPIPE when the reader or the terminal has gone,
 * ENOSPC when the disk is full, ETIMEDOUT when the reader stalled. From then on writes are dropped. */
int output_error(const struct output *o);

/* Replaces print and io: io.write, io.read, io.lines, io.stdout, io.stderr on the standard
 * streams; reading yields. Everything else of io is absent. */
int output_open(lua_State *L);
#endif
