/* seal_file.c - files that are sealed and opened; see seal_file.h.
 *
 * A source reads one file ahead, a sink writes the other one beside its place: both through the world's files, so
 * that a rehearsal has them, too. Between them stands what one piece became. What is opened has its place only
 * when the end was seen and the digest is right.
 *
 * States: RUNNING -> ENDING, in which the sink places or drops its file, -> ENDED. */
#include "seal_file.h"
#include "file_sink.h"
#include "file_source.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = SEAL_PIECE, OUT_LIMIT = 8 * SEAL_PIECE };

enum state { RUNNING, ENDING, ENDED };

struct sealing {
  struct seal_operation base;
  struct file_source *source;
  struct file_sink *sink;
  struct seal_writer *writer;  /* one of the two */
  struct seal_reader *reader;
  struct digest *digest;       /* of what is sealed */
  char *what, *wanted;
  struct buf out;              /* what the sink has not taken yet */
  enum state state;
  bool whole;                  /* all was read */
};

/* ---- the end ------------------------------------------------------------------------------- */

static void end_when_placed(struct sealing *s)
{
  if (s->state == ENDED || !file_sink_ended(s->sink))
    return;
  s->state = ENDED;
  effect_finish(&s->base.effect);
}

static void give_up(struct sealing *s)
{
  if (s->state == ENDED)
    return;
  s->state = ENDING;
  file_sink_drop(s->sink);
  end_when_placed(s);
}

static void lack_memory(struct sealing *s)
{
  fault_set(&s->base.fault, "out-of-memory", "fatal", "%s: not enough memory", s->what);
}

/* "davit-public-…, davit-public-…" */
static void list_keys(const struct seal_reader *reader, char *text, size_t room)
{
  const unsigned char *keys;
  size_t count = seal_reader_keys(reader, &keys), at = 0;
  *text = 0;
  for (size_t i = 0; i < count && at + SEAL_TEXT + 2 < room; i++) {
    char key[SEAL_TEXT];
    seal_write_key(SEAL_PUBLIC, keys + i * SEAL_KEY, key);
    at += (size_t)snprintf(text + at, room - at, "%s%s", i ? ", " : "", key);
  }
}

void seal_fault(struct fault *f, enum seal_result why, const struct seal_reader *reader, const char *what)
{
  static const char *const texts[] = {
    [SEAL_NO_SEAL] = "it is nothing that was sealed", [SEAL_DAMAGED] = "it was changed after it was sealed",
    [SEAL_CUT] = "its end is missing or was changed", [SEAL_NO_MEMORY] = "not enough memory"};
  char keys[3 * SEAL_TEXT];
  if (why == SEAL_NOT_OURS) {
    list_keys(reader, keys, sizeof keys);
    fault_set(f, "artifact-sealed", "fatal", "opening %s: it is sealed for %s, and this is another key", what, keys);
    fault_hint(f, "its private key belongs into DAVIT_ARTIFACT_KEY; 'davit artifact key FILE' tells the public key of one");
    return;
  }
  fault_set(f, why == SEAL_NO_MEMORY ? "out-of-memory" : "artifact-damaged", "fatal", "opening %s: %s", what, texts[why]);
}

/* ---- the pieces ------------------------------------------------------------------------------ */

static bool transform(struct sealing *s, const void *data, size_t len)
{
  if (s->writer) {
    if (len ? seal_writer_feed(s->writer, data, len, &s->out) : seal_writer_end(s->writer, &s->out))
      return true;
    lack_memory(s);
    return false;
  }
  enum seal_result result = len ? seal_reader_feed(s->reader, data, len, &s->out) : seal_reader_end(s->reader, &s->out);
  if (result != SEAL_OK)
    seal_fault(&s->base.fault, result, s->reader, s->what);
  return result == SEAL_OK;
}

/* Counts what is sealed: it comes in when opening, and goes out when sealing. */
static bool count(struct sealing *s, const void *data, size_t len)
{
  s->base.size += (double)len;
  return digest_add(s->digest, data, len);
}

/* False: nothing more for now, or it has failed. */
static bool take_piece(struct sealing *s)
{
  char piece[CHUNK];
  const struct http_source *body = file_source_body(s->source);
  long n = body ? body->read(body->arg, piece, sizeof piece) : HTTP_LATER;
  if (n < 0)
    return false;
  s->whole = n == 0;
  size_t before = s->out.len;
  bool good = transform(s, piece, (size_t)n) &&
              (s->writer ? count(s, s->out.data + before, s->out.len - before) : count(s, piece, (size_t)n));
  wipe(piece, sizeof piece);
  if (!good && !s->base.fault.code)
    lack_memory(s);
  return good;
}

/* False: the sink has no room yet, or has failed. */
static bool give_out(struct sealing *s)
{
  const struct http_sink *body = file_sink_body(s->sink);
  if (s->out.len == 0)
    return true;
  if (!body || body->take(body->arg, s->out.data, s->out.len) < 0)
    return false;
  wipe(s->out.data, s->out.len);
  s->out.len = 0;
  return true;
}

static bool is_right(struct sealing *s)
{
  if (!digest_hex(s->digest, s->base.sha256)) {
    lack_memory(s);
    return false;
  }
  if (!s->wanted || strcmp(s->wanted, s->base.sha256) == 0)
    return true;
  fault_set(&s->base.fault, "artifact-damaged", "fatal", "opening %s: its SHA-256 is %s, not %s", s->what,
            s->base.sha256, s->wanted);
  return false;
}

static bool has_failed(struct sealing *s)
{
  const struct fault *f = file_source_fault(s->source);
  f = f ? f : file_sink_fault(s->sink);
  if (f && !s->base.fault.code)
    s->base.fault = *f;
  return s->base.fault.code != NULL;
}

static void go_on(struct sealing *s)
{
  while (give_out(s) && !s->whole && take_piece(s))
    ;
  if (has_failed(s)) {
    give_up(s);
  } else if (s->whole && s->out.len == 0 && file_sink_body(s->sink)) {
    s->state = ENDING;
    if (is_right(s))
      file_sink_place(s->sink);
    else
      give_up(s);
  }
}

/* What could not be placed goes again. */
static void look_at_end(struct sealing *s)
{
  const struct fault *f = file_sink_fault(s->sink);
  if (f && !s->base.fault.code) {
    s->base.fault = *f;
    give_up(s);
  }
  end_when_placed(s);
}

/* From the loop: the source or the sink has come further. */
static void changed(void *arg)
{
  struct sealing *s = arg;
  (void)file_source_resumes(s->source);
  (void)file_sink_resumes(s->sink);
  if (s->state == RUNNING)
    go_on(s);
  else if (s->state == ENDING)
    look_at_end(s);
}

/* ---- the interface ---------------------------------------------------------------------------- */

static void destroy(struct effect *e)
{
  struct sealing *s = (struct sealing *)e;
  file_source_free(s->source);
  file_sink_free(s->sink);
  seal_writer_free(s->writer);
  seal_reader_free(s->reader);
  digest_free(s->digest);
  buf_wipe(&s->out);
  free(s->what);
  free(s->wanted);
  free(s);
}

static bool open_all(struct sealing *s, struct world *world, const struct seal_request *r)
{
  const struct file_source_options from = {.path = r->from, .changed = changed, .arg = s};
  const struct file_sink_options to = {.path = r->to, .changed = changed, .arg = s};
  s->what = copy_str(r->from);
  s->wanted = copy_str(r->sha256);
  s->digest = digest_new();
  if (r->seals)
    s->writer = seal_writer_new(world->random, r->keys, r->key_count);
  else
    s->reader = seal_reader_new(r->private);
  if (!s->what || !s->wanted != !r->sha256 || !s->digest || (!s->writer && !s->reader))
    return false;
  s->source = file_source_new(world->files, &from);
  s->sink = s->source ? file_sink_new(world, &to) : NULL;
  return s->sink != NULL;
}

struct seal_operation *seal_file_start(struct world *world, const struct seal_request *r, effect_done *done,
                                       void *arg)
{
  struct sealing *s = calloc(1, sizeof *s);
  if (!s)
    return NULL;
  s->base.effect = (struct effect){.destroy = destroy, .done = done, .arg = arg};
  buf_init(&s->out, OUT_LIMIT);
  if (open_all(s, world, r))
    return &s->base;
  destroy(&s->base.effect);
  return NULL;
}
