/* process_sink.h - what a child wrote, masked: the tail is kept, lines are streamed. No Lua in it. */
#ifndef PROCESS_SINK_H
#define PROCESS_SINK_H
#include "buf.h"

struct mask;
struct mask_stream;
struct output;

/* Where a child's output goes; both its streams share it. */
struct process_stream {
  struct output *output;  /* where lines go at once, or NULL */
  const char *prefix;     /* of each line, or NULL */
  size_t max;             /* bytes that are kept of each stream */
  bool live;              /* a person watches: progress is shown as it comes */
};

/* One of the child's streams. */
struct process_sink {
  struct mask_stream *mask;
  struct buf kept;    /* bytes that nobody took, from `from` on */
  size_t from;
  double dropped;     /* bytes that went because of the limit */
  struct buf lines;   /* on their way to the output: the last one has not ended */
  size_t line_start;  /* of that one */
  bool line_open, returned, ended;
};

/* False: out of memory. */
bool process_sink_open(struct process_sink *s, struct mask *mask);
void process_sink_close(struct process_sink *s);
/* What came from the child; len 0: its end. */
void process_sink_take(struct process_sink *s, const struct process_stream *to, const char *data, size_t len);
/* False: memory ran out. */
bool process_sink_ok(const struct process_sink *s);
#endif
