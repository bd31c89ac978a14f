/* permit_name.c - how effects are called before they begin; see permit.h. */
#include "permit_name.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- folders and paths ----------------------------------------------------------------------- */

bool permit_folders_find(struct permit_folders *f, const char *root)
{
  f->here = getcwd(NULL, 0);
  f->root = realpath(root, NULL);
  return f->here && f->root;
}

void permit_folders_free(struct permit_folders *f)
{
  free(f->here);
  free(f->root);
}

/* Takes the last name away, as ".." does. */
static size_t parent(const char *path, size_t len)
{
  while (len > 0 && path[len - 1] != '/')
    len--;
  return len ? len - 1 : 0;
}

/* Adds the path's names to what is there already, "." and ".." done: "/a" and "b/../c" make "/a/c". */
static void walk(char whole[static PATH_MAX], const char *path)
{
  size_t len = strlen(whole), n;
  for (; *path; path += n + (path[n] == '/')) {
    n = strcspn(path, "/");
    if (n == 0 || (n == 1 && path[0] == '.'))
      continue;
    if (n == 2 && strncmp(path, "..", 2) == 0) {
      len = parent(whole, len);
    } else if (len + n + 1 < PATH_MAX) {
      whole[len++] = '/';
      memcpy(whole + len, path, n);
      len += n;
    }
    whole[len] = 0;
  }
}

/* What follows the folder in the path; "" for the folder itself; NULL: it is not below. */
static const char *below(const char *folder, const char *path)
{
  size_t n = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
  if (strncmp(folder, path, n) != 0 || (path[n] && path[n] != '/'))
    return NULL;
  return path + n + (path[n] == '/');
}

void permit_name_path(struct buf *b, const struct permit_folders *f, const char *path)
{
  char whole[PATH_MAX] = "";
  if (*path != '/')
    walk(whole, f->here);
  walk(whole, path);
  const char *inside = below(f->root, whole);
  buf_add_str(b, !inside ? whole : *inside ? inside : ".");
}

bool permit_is_own(const char *path)
{
  return below(".davit", path) != NULL;
}

/* ---- requests and databases -------------------------------------------------------------------- */

/* Without who asks, and without the query: both may hold a token. */
static void add_place(struct buf *b, const char *url)
{
  const char *authority = strstr(url, "://");
  authority = authority ? authority + 3 : url;
  const char *end = authority + strcspn(authority, "/?#"), *host = authority;
  for (const char *at = authority; at < end; at++)
    if (*at == '@')
      host = at + 1;
  buf_add(b, url, (size_t)(authority - url));
  buf_add(b, host, (size_t)(end - host));
  buf_add(b, end, strcspn(end, "?#"));
  if (*end != '/')
    buf_add_str(b, "/");
}

void permit_name_request(struct buf *b, const char *method, const char *url, const struct http_route *way)
{
  const char *by = way->unix_socket ? way->unix_socket : way->connect_to ? way->connect_to : way->proxy;
  buf_add_str(b, method);
  buf_add_str(b, " ");
  add_place(b, url);
  if (by && *by) {
    buf_add_str(b, " by ");
    if (by == way->proxy)
      add_place(b, by);
    else
      buf_add_str(b, by);
  }
}

/* postgresql://user:password@host:port/database?… -> user@host:port/database */
void permit_name_database(struct buf *b, const char *url)
{
  const char *authority = strstr(url, "://");
  authority = authority ? authority + 3 : url;
  const char *end = authority + strcspn(authority, "/?"), *host = authority;
  for (const char *at = authority; at < end; at++)
    if (*at == '@')
      host = at + 1;
  if (host > authority) {
    size_t user = strcspn(authority, ":@");
    buf_add(b, authority, user);
    buf_add_str(b, "@");
  }
  buf_add(b, host, strcspn(host, "?"));
}

/* ---- commands ------------------------------------------------------------------------------------ */

static bool needs_quotes(const char *word)
{
  return !*word || word[strcspn(word, " \t\n'\"\\")];
}

/* A word that is a path in the project is named as that. */
static void add_word(struct buf *b, const struct permit_folders *f, const char *word)
{
  if (*word == '/' && below(f->root, word)) {
    permit_name_path(b, f, word);
    return;
  }
  bool quotes = needs_quotes(word);
  if (quotes)
    buf_add_str(b, "'");
  for (; *word; word++)
    if (*word == '\'')
      buf_add_str(b, "'\\''");
    else
      buf_add(b, word, 1);
  if (quotes)
    buf_add_str(b, "'");
}

/* `/bin/sh -c TEXT` is the text. */
static const char *text_of_shell(const char *const *argv)
{
  bool shell = strcmp(argv[0], "/bin/sh") == 0 && argv[1] && strcmp(argv[1], "-c") == 0 && argv[2] && !argv[3];
  return shell ? argv[2] : NULL;
}

void permit_name_command(struct buf *b, const struct permit_folders *f, const char *const *argv, const char *cwd)
{
  const char *text = text_of_shell(argv);
  if (text)
    buf_add_str(b, text);
  for (size_t i = 0; !text && argv[i]; i++) {
    if (i > 0)
      buf_add_str(b, " ");
    add_word(b, f, argv[i]);
  }
  buf_add_str(b, " in ");
  permit_name_path(b, f, cwd ? cwd : ".");
}
