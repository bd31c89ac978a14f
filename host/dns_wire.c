/* dns_wire.c - names in DNS messages; see dns_wire.h. */
#include "dns_wire.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ---- reading a name --------------------------------------------------------------------- */

/* Appends one byte of a label. A name on the wire has at most 255, so its text always fits. */
static size_t add_byte(char *text, size_t used, unsigned char c)
{
  if (c <= ' ' || c >= 127)
    return used + (size_t)sprintf(text + used, "\\%03u", c);
  if (c == '.' || c == '\\')
    text[used++] = '\\';
  text[used++] = (char)c;
  return used;
}

static size_t add_label(char *text, size_t used, const unsigned char *label, size_t n)
{
  if (used)
    text[used++] = '.';
  for (size_t i = 0; i < n; i++)
    used = add_byte(text, used, label[i]);
  return used;
}

/* Where the reference at `at` leads; `start` is where the part before it began, and every
 * reference leads before that: no circle is possible. False: it does not. */
static bool follow(const unsigned char *message, size_t len, size_t *at, size_t *start)
{
  if (*at + 2 > len)
    return false;
  size_t to = get16(message + *at) & 0x3fff;
  if (to >= *start)
    return false;
  *at = *start = to;
  return true;
}

size_t dns_name_read(const unsigned char *message, size_t len, size_t at, char text[DNS_NAME_TEXT])
{
  size_t used = 0, wire = 1, end = 0, start = at;
  while (at < len && message[at] != 0) {
    size_t n = message[at];
    if ((n & 0xc0) == 0xc0) {
      end = end ? end : at + 2;
      if (!follow(message, len, &at, &start))
        return 0;
      continue;
    }
    wire += n + 1;
    if (n > DNS_LABEL || wire > DNS_NAME_WIRE || at + 1 + n > len)
      return 0;
    used = add_label(text, used, message + at + 1, n);
    at += 1 + n;
  }
  if (at >= len)
    return 0;
  if (used == 0)
    text[used++] = '.';
  text[used] = 0;
  return end ? end : at + 1;
}

/* ---- writing a name --------------------------------------------------------------------- */

/* The byte that the text at *text stands for, which is stepped over; -1: a broken escape. */
static int take_byte(const char **text)
{
  const char *p = *text;
  if (*p != '\\') {
    *text = p + 1;
    return (unsigned char)*p;
  }
  if (strspn(p + 1, "0123456789") >= 3) {
    int n = (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0');
    *text = p + 4;
    return n <= 255 ? n : -1;
  }
  *text = p + 2;
  return p[1] ? (unsigned char)p[1] : -1;
}

size_t dns_name_write(const char *text, unsigned char *out)
{
  size_t used = 0;
  if (strcmp(text, ".") == 0)
    text = "";
  while (*text) {
    size_t label = used++;
    for (; *text && *text != '.'; used++) {
      int c = take_byte(&text);
      if (c < 0 || used - label > DNS_LABEL || used + 1 >= DNS_NAME_WIRE)
        return 0;
      out[used] = (unsigned char)c;
    }
    if (used == label + 1)
      return 0;
    out[label] = (unsigned char)(used - label - 1);
    text += *text == '.';
  }
  out[used++] = 0;
  return used;
}

/* ---- codes ------------------------------------------------------------------------------ */

const char *dns_rcode_name(unsigned rcode)
{
  static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
                                      "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"};
  return rcode < sizeof names / sizeof *names ? names[rcode] : NULL;
}
