/* sealed.c - seals a text, changes a little, and looks what can be opened; see sealed.h.
 *
 * The first bytes of the text say for how many keys it is sealed, into which pieces both ways are cut, what is
 * changed, and where. Now and then the text is repeated, so that it fills more than two pieces. What is opened goes
 * into a buffer with room for the text alone: a length that lies cannot become memory. */
#include "sealed.h"
#include "failure.h"
#include "seal_file.h"
#include "seal_format.h"
#include "world.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 3, LONG = 2 * SEAL_PIECE + 1000 };

struct trial {
  struct world_random chance;
  unsigned seed;
  unsigned char private[KEYS][SEAL_KEY], public[KEYS][SEAL_KEY];
  const unsigned char *draws, *draws_end;
  const unsigned char *text;
  size_t len, keys;
  struct buf sealed, plain;
};

static bool fill(struct world_random *w, void *bytes, size_t n)
{
  struct trial *t = (struct trial *)w;
  unsigned char *p = bytes;
  for (size_t i = 0; i < n; i++) {
    t->seed = t->seed * 1103515245u + 12345u;
    p[i] = (unsigned char)(t->seed >> 16);
  }
  return true;
}

static unsigned next_byte(struct trial *t)
{
  return t->draws < t->draws_end ? *t->draws++ : 0;
}

static size_t below(struct trial *t, size_t n)
{
  size_t value = next_byte(t);
  value |= (size_t)next_byte(t) << 8;
  value |= (size_t)next_byte(t) << 16;
  return value % n;
}

/* ---- sealing and opening --------------------------------------------------------------------- */

/* Pieces of so many bytes: few of them small. */
static size_t draw_step(struct trial *t, size_t len)
{
  return 1 + len / 40 + below(t, len + 1);
}

static void seal(struct trial *t)
{
  struct seal_writer *w = seal_writer_new(&t->chance, (const unsigned char(*)[SEAL_KEY])t->public, t->keys);
  size_t step = draw_step(t, t->len);
  bool good = w;
  t->sealed.len = 0;
  for (size_t at = 0; good && at < t->len; at += step)
    good = seal_writer_feed(w, t->text + at, t->len - at < step ? t->len - at : step, &t->sealed);
  if (!good || !seal_writer_end(w, &t->sealed))
    abort();
  seal_writer_free(w);
}

/* In memory of just their size, so that reading on is found. */
static enum seal_result feed(struct seal_reader *r, const char *bytes, size_t n, struct buf *out)
{
  char *exact = malloc(n);
  if (!exact)
    abort();
  memcpy(exact, bytes, n);
  enum seal_result result = seal_reader_feed(r, exact, n, out);
  free(exact);
  return result;
}

/* What a person is told is one line, whatever came. */
static const char *judge_fault(enum seal_result why, const struct seal_reader *r)
{
  struct fault f = {0};
  if (why == SEAL_OK)
    return NULL;
  seal_fault(&f, why, r, "the artifact");
  bool is_line = f.code && *f.message && !strpbrk(f.message, "\n\r\33") && !strchr(f.hint, '\n');
  return is_line && why != SEAL_NO_MEMORY ? NULL : "the error is no line, or memory was short";
}

/* Opens with one of the keys; *wrong says what is wrong with the error. */
static enum seal_result open_with(struct trial *t, const char *bytes, size_t len, size_t key, const char **wrong)
{
  struct seal_reader *r = seal_reader_new(t->private[key]);
  size_t step = draw_step(t, len);
  enum seal_result result = SEAL_OK;
  if (!r)
    abort();
  t->plain.len = 0;
  t->plain.failed = false;
  for (size_t at = 0; result == SEAL_OK && at < len; at += step)
    result = feed(r, bytes + at, len - at < step ? len - at : step, &t->plain);
  if (result == SEAL_OK)
    result = seal_reader_end(r, &t->plain);
  *wrong = judge_fault(result, r);
  seal_reader_free(r);
  return result;
}

/* ---- changes ---------------------------------------------------------------------------------- */

static void replace(struct trial *t, size_t at, size_t len, const void *with, size_t with_len)
{
  struct buf changed;
  buf_init(&changed, BUF_LIMIT);
  buf_add(&changed, t->sealed.data, at);
  buf_add(&changed, with, with_len);
  buf_add(&changed, t->sealed.data + at + len, t->sealed.len - at - len);
  if (!buf_ok(&changed))
    abort();
  buf_free(&t->sealed);
  t->sealed = changed;
}

static size_t piece_at(const struct trial *t, size_t n)
{
  return seal_start_len(t->keys) + n * (SEAL_PIECE + SEAL_EXTRA);
}

/* The first two pieces change places, or one of them comes twice, never, or last. */
static void change_pieces(struct trial *t)
{
  enum { WHOLE = SEAL_PIECE + SEAL_EXTRA };
  size_t first = piece_at(t, 0), second = piece_at(t, 1), kind = below(t, 4), one = below(t, 2) ? second : first;
  char *both = malloc(2 * WHOLE);
  if (!both)
    abort();
  memcpy(both, t->sealed.data + second, WHOLE);
  memcpy(both + WHOLE, t->sealed.data + first, WHOLE);
  if (kind == 0)
    replace(t, first, 2 * WHOLE, both, 2 * WHOLE);
  else if (kind == 3)
    t->sealed.len = one + WHOLE;
  else
    replace(t, one, kind == 1 ? WHOLE : 0, both, kind == 1 ? 0 : WHOLE);
  free(both);
}

static void flip(struct trial *t, size_t at, unsigned bits)
{
  t->sealed.data[at] = (char)((unsigned char)t->sealed.data[at] ^ bits);
}

static void change(struct trial *t)
{
  size_t at = below(t, t->sealed.len), len = 1 + below(t, t->sealed.len - at);
  unsigned kind = next_byte(t) % 7, value = next_byte(t);
  char byte = (char)value;
  switch (kind) {
  case 1: t->sealed.len = at; break;
  case 2: replace(t, at, 0, &byte, 1); break;
  case 3: replace(t, at, len, "", 0); break;
  case 4: buf_add(&t->sealed, &byte, 1); break;
  case 5: flip(t, SEAL_MAGIC_LEN, value ? value : 1); break;  /* how many keys there are */
  case 6: t->len == LONG ? change_pieces(t) : flip(t, at, 255); break;
  default: flip(t, at, 1u << (value & 7));
  }
}

/* ---- what must hold --------------------------------------------------------------------------- */

static bool is_start_of_text(const struct trial *t)
{
  return t->plain.len <= t->len && memcmp(buf_str(&t->plain), t->text, t->plain.len) == 0;
}

static const char *judge_sealed(struct trial *t)
{
  const char *wrong;
  seal(t);
  for (size_t key = 0; key < KEYS; key++) {
    enum seal_result result = open_with(t, t->sealed.data, t->sealed.len, key, &wrong);
    if (wrong)
      return wrong;
    if (key < t->keys && (result != SEAL_OK || t->plain.len != t->len || !is_start_of_text(t)))
      return "what was sealed comes back otherwise";
    if (key >= t->keys && (result != SEAL_NOT_OURS || t->plain.len > 0))
      return "another key opens it";
  }
  return NULL;
}

static const char *judge_changed(struct trial *t)
{
  const char *wrong;
  change(t);
  if (open_with(t, t->sealed.data, t->sealed.len, 0, &wrong) == SEAL_OK)
    return "what was changed is opened";
  return wrong ? wrong : is_start_of_text(t) ? NULL : "what was changed comes through";
}

/* Nobody has sealed it for these keys. */
static const char *judge_foreign(struct trial *t, const char *bytes, size_t len)
{
  const char *wrong;
  if (open_with(t, bytes, len, 0, &wrong) == SEAL_OK || t->plain.len > 0)
    return "what nobody sealed is opened";
  return wrong;
}

/* ---- the functions ---------------------------------------------------------------------------- */

static void make_keys(struct trial *t)
{
  t->chance.fill = fill;
  t->seed = 7;
  for (int i = 0; i < KEYS; i++)
    if (!fill(&t->chance, t->private[i], SEAL_KEY) || !seal_public_key(t->private[i], t->public[i]))
      abort();
}

/* The text, or so much of it that it fills pieces, in a buffer that Lua owns. */
static void take_text(lua_State *L, struct trial *t, const char *bytes, size_t len)
{
  t->draws = (const unsigned char *)bytes;
  t->draws_end = t->draws + len;
  t->text = t->draws;
  t->len = len;
  t->keys = 1 + below(t, KEYS);
  if (len == 0 || next_byte(t) % 16 != 15)
    return;
  unsigned char *all = lua_newuserdatauv(L, LONG, 0);
  for (size_t i = 0; i < LONG; i++)
    all[i] = (unsigned char)bytes[i % len];
  t->text = all;
  t->len = LONG;
}

int fuzz_sealed(lua_State *L)
{
  struct trial t = {0};
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  take_text(L, &t, bytes, len);
  make_keys(&t);
  buf_init(&t.sealed, BUF_LIMIT);
  buf_init(&t.plain, t.len);
  const char *wrong = judge_sealed(&t);
  wrong = wrong ? wrong : judge_changed(&t);
  wrong = wrong ? wrong : judge_foreign(&t, bytes, len);
  buf_free(&t.sealed);
  buf_free(&t.plain);
  return wrong ? luaL_error(L, "%s", wrong) : 0;
}

int fuzz_seal(lua_State *L)
{
  struct trial t = {.keys = 1};
  size_t key_len;
  t.text = (const unsigned char *)luaL_checklstring(L, 1, &t.len);
  const char *key = luaL_checklstring(L, 2, &key_len);
  make_keys(&t);
  if (!seal_read_key(SEAL_PUBLIC, key, key_len, t.public[0]))
    return luaL_error(L, "no public key");
  buf_init(&t.sealed, BUF_LIMIT);
  seal(&t);
  lua_pushlstring(L, buf_str(&t.sealed), t.sealed.len);
  buf_free(&t.sealed);
  return 1;
}
