/* mask_url.c - the secrets inside URLs; see mask_derive.h.
 *
 * People write passwords into URLs without encoding them: where a "/" or "@" in one leaves
 * two readings, both are taken. */
#include "mask_derive.h"
#include <ctype.h>
#include <string.h>

/* As it is written, and decoded. */
static void add_written(struct deriver *d, struct text t)
{
  struct buf decoded;
  derive_add(d, t);
  if (!memchr(t.data, '%', t.len))
    return;
  buf_init(&decoded, t.len + 1);
  text_unescape_percent(&decoded, t);
  d->ok = d->ok && buf_ok(&decoded);
  derive_add(d, (struct text){buf_str(&decoded), decoded.len});
  buf_wipe(&decoded);
}

static const char *find_any(struct text t, const char *chars)
{
  for (size_t i = 0; i < t.len; i++)
    if (t.data[i] && strchr(chars, t.data[i]))
      return t.data + i;
  return t.data + t.len;
}

static bool all_digits(struct text t)
{
  for (size_t i = 0; i < t.len; i++)
    if (!isdigit((unsigned char)t.data[i]))
      return false;
  return true;
}

/* user:password */
static void add_userinfo(struct deriver *d, struct text info)
{
  const char *end = info.data + info.len, *colon = memchr(info.data, ':', info.len);
  struct text user = text_between(info.data, colon ? colon : end);
  struct text password = colon ? text_between(colon + 1, end) : (struct text){"", 0};
  bool no_password = !colon || text_starts(password, "x-oauth-basic");
  if (!no_password && !text_equal(user, password))
    add_written(d, password);
  if (no_password && mask_looks_random(user))
    add_written(d, user);
}

/* What stands before a host, and a password with "/" in it, which seems to end before. */
static void add_authority(struct deriver *d, struct text url)
{
  const char *end = find_any(url, "/?#"), *last = memrchr(url.data, '@', url.len);
  struct text authority = text_between(url.data, end);
  const char *at = memrchr(authority.data, '@', authority.len);
  const char *colon = memchr(authority.data, ':', authority.len);
  if (at)
    add_userinfo(d, text_between(url.data, at));
  if (last && last != at && colon && !all_digits(text_between(colon + 1, end)))
    add_userinfo(d, text_between(url.data, last));
}

/* name=value&name=value behind ? and #. */
static void add_parameters(struct deriver *d, struct text url)
{
  const char *end = url.data + url.len, *at = find_any(url, "?#");
  while (at < end) {
    struct text pair = text_between(at + 1, find_any(text_between(at + 1, end), "&#;"));
    const char *equals = memchr(pair.data, '=', pair.len);
    at = pair.data + pair.len;
    if (!equals)
      continue;
    enum mask_name_says says = mask_name_says(text_between(pair.data, equals));
    struct text value = text_between(equals + 1, at);
    if (says == NAME_SECRET || (says == NAME_PERHAPS && mask_looks_random(value)))
      add_written(d, value);
  }
}

/* A text that is one URL ends with it; elsewhere white space and quotes do. */
static struct text url_at(struct text t, const char *from)
{
  struct text rest = text_between(from, t.data + t.len);
  bool alone = find_any(t, " \t\r\n\"'<>`{=") >= from && find_any(rest, " \t\r\n") == rest.data + rest.len;
  return alone ? rest : text_between(from, find_any(rest, " \t\r\n\"'<>`"));
}

void derive_urls(struct deriver *d, struct text t)
{
  const char *end = t.data + t.len, *at = t.data;
  while (d->ok && (at = memmem(at, (size_t)(end - at), "://", 3)) != NULL) {
    struct text url = url_at(t, at + 3);
    add_authority(d, url);
    add_parameters(d, url);
    at += 3;
  }
}
