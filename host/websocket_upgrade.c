/* websocket_upgrade.c - opening handshakes of both sides; see websocket_upgrade.h. */
#include "websocket_upgrade.h"
#include "digest.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

enum { NONCE = 16, SHA1 = 20 };

/* ---- keys ---------------------------------------------------------------------------------- */

bool upgrade_key(char key[UPGRADE_KEY + 1])
{
  unsigned char nonce[NONCE];
  if (uv_random(NULL, NULL, nonce, sizeof nonce, 0, NULL) != 0)
    return false;
  base64_encode(nonce, sizeof nonce, false, key);
  return true;
}

bool upgrade_accept(const char *key, char accept[UPGRADE_ACCEPT + 1])
{
  char text[UPGRADE_KEY + sizeof "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"];
  unsigned char digest[SHA1];
  int n = snprintf(text, sizeof text, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", UPGRADE_KEY, key);
  if (EVP_Digest(text, (size_t)n, digest, NULL, EVP_sha1(), NULL) != 1)
    return false;
  base64_encode(digest, sizeof digest, false, accept);
  return true;
}

/* ---- lists in headers -------------------------------------------------------------------------- */

bool upgrade_lists(const char *list, size_t len, const char *word, bool exact)
{
  size_t n = strlen(word);
  const char *end = list + len;
  while (list < end) {
    list += strspn(list, " \t,");
    size_t item = 0;
    while (list + item < end && !strchr(" \t,", list[item]))
      item++;
    if (item == n && (exact ? strncmp(list, word, n) : strncasecmp(list, word, n)) == 0)
      return true;
    list += item + (item == 0);
  }
  return false;
}

/* ---- the client's request ----------------------------------------------------------------------- */

/* "Name;" stands for an empty value, as curl has it. */
static void add_header(struct buf *out, const char *line)
{
  size_t n = strcspn(line, ":;");
  if (line[n] == ';' && !line[n + 1])
    buf_printf(out, "%.*s:\r\n", (int)n, line);
  else
    buf_printf(out, "%s\r\n", line);
}

static bool has_header(const char *const *headers, const char *name)
{
  size_t n = strlen(name);
  for (; headers && *headers; headers++)
    if (strncasecmp(*headers, name, n) == 0 && strchr(":;", (*headers)[n]))
      return true;
  return false;
}

void upgrade_write(struct buf *out, const struct upgrade_request *r)
{
  buf_printf(out, "GET %s HTTP/1.1\r\n", r->target);
  if (!has_header(r->headers, "host"))
    buf_printf(out, "Host: %s\r\n", r->host);
  if (!has_header(r->headers, "user-agent"))
    buf_add_str(out, "User-Agent: davit/" DAVIT_VERSION "\r\n");
  buf_printf(out, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: %s\r\n", r->key);
  if (r->protocols)
    buf_printf(out, "Sec-WebSocket-Protocol: %s\r\n", r->protocols);
  for (const char *const *h = r->headers; h && *h; h++)
    add_header(out, *h);
  buf_add_str(out, "\r\n");
}

/* ---- the server's answer -------------------------------------------------------------------------- */

struct header {
  const char *value;
  size_t len;
};

/* Finds a header among lines that end in "\n" or "\r\n", before `end`. False: it is not there. */
static bool find_header(const char *lines, const char *end, const char *name, struct header *h)
{
  size_t n = strlen(name);
  while (lines < end) {
    const char *line_end = memchr(lines, '\n', (size_t)(end - lines));
    line_end = line_end ? line_end : end;
    if ((size_t)(line_end - lines) > n && strncasecmp(lines, name, n) == 0 && lines[n] == ':') {
      h->value = lines + n + 1 + strspn(lines + n + 1, " \t");
      h->len = line_end > h->value ? (size_t)(line_end - h->value) : 0;
      while (h->len && strchr("\r \t", h->value[h->len - 1]))
        h->len--;
      return true;
    }
    lines = line_end + 1;
  }
  return false;
}

static const char *check_protocol(const char *lines, const char *end, const char *protocols, struct upgrade_answer *a)
{
  struct header h;
  if (!find_header(lines, end, "sec-websocket-protocol", &h))
    return NULL;
  if (h.len >= sizeof a->protocol)
    return "chose a protocol that was not asked for";
  snprintf(a->protocol, sizeof a->protocol, "%.*s", (int)h.len, h.value);
  if (!protocols || !upgrade_lists(protocols, strlen(protocols), a->protocol, true))
    return "chose a protocol that was not asked for";
  return NULL;
}

/* What is wrong with an answer of status 101, or NULL. */
static const char *check_switch(const char *lines, const char *end, const char *key, const char *protocols,
                                struct upgrade_answer *a)
{
  char accept[UPGRADE_ACCEPT + 1];
  struct header h;
  if (!find_header(lines, end, "upgrade", &h) || !upgrade_lists(h.value, h.len, "websocket", false))
    return "switched to something else than a WebSocket";
  if (!find_header(lines, end, "connection", &h) || !upgrade_lists(h.value, h.len, "upgrade", false))
    return "did not say that the connection is upgraded";
  if (!upgrade_accept(key, accept) || !find_header(lines, end, "sec-websocket-accept", &h) ||
      h.len != UPGRADE_ACCEPT || memcmp(h.value, accept, UPGRADE_ACCEPT) != 0)
    return "answered another key than ours: it, or something before it, does not speak WebSocket";
  if (find_header(lines, end, "sec-websocket-extensions", &h) && h.len > 0)
    return "uses an extension that was not asked for";
  return check_protocol(lines, end, protocols, a);
}

/* Where the head ends, or NULL. */
static const char *find_end(const struct buf *in)
{
  const char *text = buf_str(in);
  const char *end = in->len ? memmem(text, in->len, "\r\n\r\n", 4) : NULL;
  return end ? end + 4 : NULL;
}

static int read_status(const char *line)
{
  if (strncmp(line, "HTTP/1.1 ", 9) != 0 && strncmp(line, "HTTP/1.0 ", 9) != 0)
    return 0;
  return strspn(line + 9, "0123456789") == 3 ? atoi(line + 9) : 0;
}

bool upgrade_read(const struct buf *in, const char *key, const char *protocols, struct upgrade_answer *a,
                  const char **wrong)
{
  const char *text = buf_str(in), *end = find_end(in);
  struct header length;
  *wrong = NULL;
  if (!end) {
    size_t n = in->len < 5 ? in->len : 5;
    if (memcmp(text, "HTTP/", n) != 0)
      *wrong = "does not answer in HTTP";
    else if (in->len >= UPGRADE_HEAD_MAX)
      *wrong = "answers with headers of more than 64 KiB";
    return *wrong != NULL;
  }
  *a = (struct upgrade_answer){.status = read_status(text), .head = (size_t)(end - text), .body = -1};
  if (a->status < 100 || memchr(text, 0, a->head)) {
    *wrong = "does not answer in HTTP";
    return true;
  }
  const char *lines = strchr(text, '\n') + 1;
  if (find_header(lines, end, "content-length", &length))
    a->body = strtol(length.value, NULL, 10);
  if (a->status == 101)
    *wrong = check_switch(lines, end, key, protocols, a);
  return true;
}

/* ---- the server's side ------------------------------------------------------------------------------- */

static bool is_key(const struct header *h)
{
  char nonce[UPGRADE_KEY];
  size_t n;
  return h->len == UPGRADE_KEY && base64_decode(h->value, h->len, false, nonce, &n) && n == NONCE;
}

const char *upgrade_check(const char *method, const char *headers, const char **key, size_t *key_len)
{
  const char *end = headers + strlen(headers);
  struct header h;
  if (strcmp(method, "GET") != 0)
    return "the method is not GET";
  if (!find_header(headers, end, "upgrade", &h) || !upgrade_lists(h.value, h.len, "websocket", false))
    return "it does not ask for an upgrade to websocket";
  if (!find_header(headers, end, "connection", &h) || !upgrade_lists(h.value, h.len, "upgrade", false))
    return "its header 'connection' does not name the upgrade";
  if (!find_header(headers, end, "sec-websocket-version", &h) || h.len != 2 || memcmp(h.value, "13", 2) != 0)
    return "it does not speak version 13";
  if (!find_header(headers, end, "sec-websocket-key", &h) || !is_key(&h))
    return "its key is not 16 bytes in base64";
  *key = h.value;
  *key_len = h.len;
  return NULL;
}
