/* peer.c - a server or client that misbehaves as it is told: peer [--unix PATH | --tls CERT KEY | --to PORT] STEP…
 *
 * It listens on a free port of 127.0.0.1, prints the port (0 for a Unix socket), and plays the steps on every
 * connection, each in a process of its own; or, with --to, on one connection to that port of 127.0.0.1:
 *
 *   tls           the handshake, with the files of --tls
 *   read          reads a request up to its blank line
 *   body N        reads N bytes
 *   send TEXT     \r \n \0 and \xHH mean what they mean in C
 *   repeat N TEXT sends it N times; 0: until nobody takes it any more
 *   drip TEXT     a byte every 20 ms
 *   again         plays the steps from the first one
 *   wait          takes what comes until the other side is gone
 *   hold          takes nothing any more, for ever
 *   half          sends nothing any more
 *   show          prints what comes until the other side is gone
 *   open N        opens N connections more, which stay silent
 *   reset         ends the connection with RST; without, it is closed at the end of the steps,
 *                 and with TLS without its farewell
 *
 * It prints "gone" when a connection is over. */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct peer {
  int fd, port;  /* port: of --to */
  gnutls_session_t tls;
  gnutls_certificate_credentials_t credentials;
};

static void die(const char *what)
{
  perror(what);
  exit(1);
}

/* ---- bytes ------------------------------------------------------------------------------ */

static long take(struct peer *p, void *to, size_t n)
{
  return p->tls ? gnutls_record_recv(p->tls, to, n) : read(p->fd, to, n);
}

/* False: the other side takes no more. */
static bool give(struct peer *p, const char *data, size_t n)
{
  while (n > 0) {
    long sent = p->tls ? gnutls_record_send(p->tls, data, n) : send(p->fd, data, n, MSG_NOSIGNAL);
    if (sent <= 0)
      return false;
    data += sent;
    n -= (size_t)sent;
  }
  return true;
}

static int hex(char c)
{
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The text with its escapes resolved, in place; its length. */
static size_t unescape(char *text)
{
  char *to = text;
  for (const char *c = text; *c; c++) {
    if (*c != '\\' || !c[1]) {
      *to++ = *c;
      continue;
    }
    c++;
    if (*c == 'x' && hex(c[1]) >= 0 && hex(c[2]) >= 0) {
      *to++ = (char)(hex(c[1]) * 16 + hex(c[2]));
      c += 2;
    } else {
      *to++ = *c == 'r' ? '\r' : *c == 'n' ? '\n' : *c == '0' ? 0 : *c;
    }
  }
  return (size_t)(to - text);
}

/* ---- steps ------------------------------------------------------------------------------- */

static bool shake_hands(struct peer *p)
{
  gnutls_init(&p->tls, GNUTLS_SERVER);
  gnutls_set_default_priority(p->tls);
  gnutls_credentials_set(p->tls, GNUTLS_CRD_CERTIFICATE, p->credentials);
  gnutls_transport_set_int(p->tls, p->fd);
  int status;
  do
    status = gnutls_handshake(p->tls);
  while (status < 0 && !gnutls_error_is_fatal(status));
  return status == 0;
}

static bool read_head(struct peer *p)
{
  static const char end[] = "\r\n\r\n";
  char c;
  for (int seen = 0; end[seen];) {
    if (take(p, &c, 1) != 1)
      return false;
    seen = c == end[seen] ? seen + 1 : c == '\r';
  }
  return true;
}

static bool read_body(struct peer *p, long left)
{
  char piece[4096];
  for (long n; left > 0; left -= n)
    if ((n = take(p, piece, left < (long)sizeof piece ? (size_t)left : sizeof piece)) <= 0)
      return false;
  return true;
}

static bool drip(struct peer *p, const char *text, size_t len)
{
  for (; len > 0; text++, len--) {
    if (!give(p, text, 1))
      return false;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  }
  return true;
}

static bool repeat(struct peer *p, long times, const char *text, size_t len)
{
  for (long i = 0; times == 0 || i < times; i++)
    if (!give(p, text, len))
      return false;
  return true;
}

static bool wait_for_end(struct peer *p)
{
  char rest[4096];
  while (read(p->fd, rest, sizeof rest) > 0)
    ;
  return true;
}

static bool reset(struct peer *p)
{
  setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
  return true;
}

static bool show(struct peer *p)
{
  char piece[4096];
  for (long n; (n = take(p, piece, sizeof piece)) > 0;)
    fwrite(piece, 1, (size_t)n, stdout);
  return true;
}

/* -1: refused. */
static int connect_to(int port)
{
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
    return fd;
  if (fd >= 0)
    close(fd);
  return -1;
}

/* They stay open as long as this process lives. */
static bool open_more(const struct peer *p, long n)
{
  for (; n > 0; n--)
    if (connect_to(p->port) < 0)
      return false;
  return true;
}

/* Plays the step at *step and moves on to the next. False: the connection is over. */
static bool play(struct peer *p, char ***step)
{
  char **s = *step;
  bool two = strcmp(*s, "send") == 0 || strcmp(*s, "drip") == 0 || strcmp(*s, "body") == 0 ||
             strcmp(*s, "open") == 0;
  bool three = strcmp(*s, "repeat") == 0;
  *step = s + (three ? 3 : two ? 2 : 1);
  char *text = three || (two && **s != 'b' && **s != 'o') ? strdup(s[three ? 2 : 1]) : NULL;
  size_t len = text ? unescape(text) : 0;
  bool on = strcmp(*s, "tls") == 0      ? shake_hands(p)
            : strcmp(*s, "read") == 0   ? read_head(p)
            : strcmp(*s, "body") == 0   ? read_body(p, atol(s[1]))
            : strcmp(*s, "send") == 0   ? give(p, text, len)
            : strcmp(*s, "drip") == 0   ? drip(p, text, len)
            : strcmp(*s, "repeat") == 0 ? repeat(p, atol(s[1]), text, len)
            : strcmp(*s, "wait") == 0   ? wait_for_end(p)
            : strcmp(*s, "hold") == 0   ? pause() == 0
            : strcmp(*s, "half") == 0   ? shutdown(p->fd, SHUT_WR) == 0
            : strcmp(*s, "show") == 0   ? show(p)
            : strcmp(*s, "open") == 0   ? open_more(p, atol(s[1]))
            : strcmp(*s, "reset") == 0 && reset(p);
  free(text);
  return on;
}

static void play_all(struct peer *p, char **steps)
{
  for (char **step = steps; *step;) {
    if (strcmp(*step, "again") == 0)
      step = steps;
    if (!play(p, &step))
      break;
  }
  close(p->fd);
  if (p->tls)
    gnutls_deinit(p->tls);
  puts("gone");
  fflush(stdout);
}

/* ---- listening ------------------------------------------------------------------------------ */

static int listen_on_loopback(void)
{
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) != 0 || listen(fd, 64) != 0 ||
      getsockname(fd, (struct sockaddr *)&a, &len) != 0)
    die("listen");
  printf("%d\n", ntohs(a.sin_port));
  fflush(stdout);
  return fd;
}

static int listen_on_socket(const char *path)
{
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 64) != 0)
    die("listen");
  puts("0");
  fflush(stdout);
  return fd;
}

static int be_client(struct peer *p, const char *port, char **steps)
{
  p->port = atoi(port);
  p->fd = connect_to(p->port);
  if (p->fd < 0)
    die("connect");
  play_all(p, steps);
  return 0;
}

int main(int argc, char **argv)
{
  struct peer p = {0};
  char **steps = argv + 1;
  signal(SIGPIPE, SIG_IGN);
  if (argc > 2 && strcmp(argv[1], "--to") == 0)
    return be_client(&p, argv[2], argv + 3);
  if (argc > 3 && strcmp(argv[1], "--tls") == 0) {
    gnutls_certificate_allocate_credentials(&p.credentials);
    if (gnutls_certificate_set_x509_key_file(p.credentials, argv[2], argv[3], GNUTLS_X509_FMT_PEM) < 0)
      die("certificate");
    steps += 3;
  }
  const char *path = argc > 2 && strcmp(argv[1], "--unix") == 0 ? argv[2] : NULL;
  signal(SIGCHLD, SIG_IGN);
  steps += path ? 2 : 0;
  int listening = path ? listen_on_socket(path) : listen_on_loopback();
  while ((p.fd = accept(listening, NULL, NULL)) >= 0) {
    if (fork() == 0) {
      close(listening);
      play_all(&p, steps);
      gnutls_certificate_free_credentials(p.credentials);
      exit(0);
    }
    close(p.fd);
  }
  die("accept");
}
