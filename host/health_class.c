/* health_class.c - what an answer means: the first rule that fits; see health.h. */
#include "health.h"
#include <string.h>

static const char *const names[HEALTH_CLASSES] = {
  [HEALTHY] = "healthy", [PENDING] = "pending", [TRANSIENT] = "transient", [STALE] = "stale",
  [THROTTLED] = "throttled", [FAILING] = "failing", [FATAL] = "fatal"};

const char *health_class_name(enum health_class class)
{
  return names[class];
}

bool health_class_find(const char *name, enum health_class *class)
{
  for (int i = 0; i < HEALTH_CLASSES; i++)
    if (strcmp(names[i], name) == 0) {
      *class = (enum health_class)i;
      return true;
    }
  return false;
}

/* An entry that ends with a star stands for all that begin so. */
static bool is(const char *entry, const char *text)
{
  while (*entry && *entry != '*' && *entry == *text) {
    entry++;
    text++;
  }
  return *entry == '*' || (!*entry && !*text);
}

static bool has(const char *const *list, const char *text)
{
  while (*list && !is(*list, text))
    list++;
  return *list != NULL;
}

static bool holds(const char *text, size_t len, const char *part)
{
  return memmem(text, len, part, strlen(part)) != NULL;
}

enum { PAGE = 64 << 10 };  /* what a page says, it says at its beginning */

/* The words are of the answer's body, or of the library for a fault. */
static bool says(const char *const *words, const struct http_exchange *x)
{
  bool fault = x->fault.code != NULL;
  const char *text = fault ? x->reason : buf_str(&x->body);
  size_t len = fault ? strlen(text) : x->body.len < PAGE ? x->body.len : PAGE;
  for (; *words; words++)
    if (holds(text, len, *words) || (fault && strstr(x->fault.message, *words)))
      return true;
  return false;
}

static bool has_header(const struct health_rule *r, const struct http_exchange *x)
{
  size_t len;
  const char *value = health_header(x, r->header, &len);
  return value && (!r->holds || holds(value, len, r->holds));
}

static bool fits(const struct health_rule *r, const char *code, const struct http_exchange *x)
{
  if (r->codes ? !code || !has(r->codes, code) : code != NULL)
    return false;
  if (r->details && !(x->detail && has(r->details, x->detail)))
    return false;
  if (r->statuses && (x->fault.code || !health_status_in(r->statuses, x->status)))
    return false;
  return (!r->says || says(r->says, x)) && (!r->header || has_header(r, x));
}

const struct health_rule *health_rule_find(const struct health_rule *rules, size_t count,
                                           const char *code, const struct http_exchange *x)
{
  for (size_t i = 0; i < count; i++)
    if (fits(&rules[i], code, x))
      return &rules[i];
  return &rules[count - 1];
}
