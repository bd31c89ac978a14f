/* http_fault.c - what went wrong: the code, the class, the phase, and the library's own words.
 *
 * A request that left and had no reply may have been applied: unless its method may be repeated
 * (RFC 9110, 9.2.2), that is class "unknown". What never left is "transient". */
#include "http_curl.h"
#include <errno.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- how far it came ------------------------------------------------------------------------- */

static bool reached(const struct exchange *x, CURLINFO info)
{
  curl_off_t microseconds = 0;
  curl_easy_getinfo(x->easy, info, &microseconds);
  return microseconds > 0;
}

/* True when nothing of the request is left to send. */
static bool all_sent(const struct exchange *x)
{
  curl_off_t sent = 0, size = 0;
  curl_easy_getinfo(x->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  curl_easy_getinfo(x->easy, CURLINFO_CONTENT_LENGTH_UPLOAD_T, &size);
  return size < 0 ? !x->outgoing || x->outgoing->ended : sent >= size;
}

enum http_phase exchange_phase(const struct exchange *x)
{
  if (x->state == LOOKING_UP)
    return HTTP_DNS;
  if (x->first_byte > 0)
    return HTTP_BODY;
  if (reached(x, CURLINFO_PRETRANSFER_TIME_T))
    return all_sent(x) ? HTTP_FIRST_BYTE : HTTP_SEND;
  return x->handshake > 0 ? HTTP_TLS : HTTP_CONNECT;
}

static const char *broke_while(enum http_phase phase)
{
  return phase == HTTP_BODY ? "the connection broke in the middle of the answer"
         : phase == HTTP_FIRST_BYTE ? "the connection broke before the answer began"
         : phase == HTTP_SEND ? "the connection broke while the request was sent"
                              : "the connection broke before the request was sent";
}

/* ---- faults ------------------------------------------------------------------------------------- */

/* "GET example.com/path at 192.0.2.1:443: what (reason)", as much of it as is known. A refused probe
 * makes one every time, so it is put together without formatting. */
static void say(struct exchange *x, const char *code, const char *class, const char *what, const char *reason)
{
  char tried[HTTP_WHAT];
  const char *address = strcmp(x->base.address, x->proxy) == 0 ? "" : x->base.address;
  http_what(tried, sizeof tried, x->method, x->shown ? x->shown : x->url_text, address);
  const char *const pieces[] = {tried, ": ", what, *reason ? " (" : "", reason, *reason ? ")" : "", NULL};
  fault_join(&x->base.fault, code, class, pieces);
}

static void set(struct exchange *x, const char *code, const char *class, const char *what)
{
  say(x, code, class, what, x->base.reason);
}

void exchange_fail(struct exchange *x, const char *code, const char *class, const char *what)
{
  say(x, code, class, what, "");
}

/* A number of the system's or of a library's, in words of ours that need no others. */
struct known {
  long number;
  const char *detail, *what, *hint;
};

static const struct known *find_known(const struct known *list, long number)
{
  while (list->what && list->number != number)
    list++;
  return list->what ? list : NULL;
}

static void set_known(struct exchange *x, const char *code, const char *class, const struct known *k)
{
  x->base.detail = k->detail;
  exchange_fail(x, code, class, k->what);
  fault_hint(&x->base.fault, "%s", k->hint);
}

void exchange_lost(struct exchange *x, const char *code, const char *what)
{
  bool unknown = !http_is_repeatable(x->method) && x->base.phase >= HTTP_SEND;
  set(x, code, unknown ? "unknown" : "transient", what);
  if (unknown)
    fault_hint(&x->base.fault, "the request may have been applied: look before sending it again");
}

/* What to do, unless something weightier was said already. */
static void advise(struct exchange *x, const char *hint)
{
  if (!x->base.fault.hint[0])
    fault_hint(&x->base.fault, "%s", hint);
}

static const char *advice(enum http_phase phase)
{
  return phase == HTTP_CONNECT ? "is the host up, and does a firewall drop the connection?"
         : phase == HTTP_TLS   ? "does the port speak TLS, and is the server overloaded?"
                               : "is the service overloaded? 'timeout' allows more";
}

/* True when it is the phase's own limit: the code names it. */
static bool is_of_phase(const char *code, enum http_phase phase)
{
  return phase != HTTP_DNS && strcmp(code, "http-timeout") != 0 && strcmp(code, "http-idle-timeout") != 0;
}

/* Only the request's own phases leave it open whether it was applied. */
void exchange_timed_out(struct exchange *x, const char *code, const char *what, double seconds)
{
  char text[128];
  if (x->base.phase == HTTP_CONNECT)
    exchange_forget_addresses(x);
  bool own = is_of_phase(code, x->base.phase);
  snprintf(text, sizeof text, own ? "%s within %g s" : "%s within %g s (phase: %s)", what, seconds,
           http_phase_name(x->base.phase));
  exchange_lost(x, code, text);
  advise(x, advice(x->base.phase));
}

static const char no_way[] = "has this machine a way there: network, VPN, IPv6?";
static const char used_up[] = "no file descriptor is left for a connection";
static const char more_of_them[] = "raise 'ulimit -n', or do less at once";

static const struct known connection_faults[] = {
  {ECONNREFUSED, "refused", "the connection was refused", "was the service started, and on this host and port?"},
  {ENETUNREACH, "unreachable", "the address cannot be reached from here", no_way},
  {EHOSTUNREACH, "unreachable", "the address cannot be reached from here", no_way},
  {EADDRNOTAVAIL, "unreachable", "the address cannot be reached from here", no_way},
  {ECONNRESET, "reset", "the connection was reset", "does a firewall cut it off, or is the service just starting?"},
  {EMFILE, "descriptors", used_up, more_of_them},
  {ENFILE, "descriptors", used_up, more_of_them},
  {0},
};

/* Curl tells no number of a socket that was not had: this is what a new descriptor meets. */
static int descriptor_error(void)
{
  int fd = dup(STDIN_FILENO);
  if (fd < 0)
    return errno;
  close(fd);
  return 0;
}

/* What the machine says of a connection that was not made; NULL: nothing that is known. Curl's own
 * words would only say that there is none. */
static const struct known *no_connection(struct exchange *x)
{
  long number = 0;
  exchange_forget_addresses(x);
  curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &number);
  if (number)
    snprintf(x->base.reason, sizeof x->base.reason, "%s", strerror((int)number));
  else
    number = descriptor_error();
  return find_known(connection_faults, number);
}

static void set_unconnected(struct exchange *x)
{
  const struct known *k = no_connection(x);
  if (k)
    set_known(x, "http-refused", "transient", k);
  else
    set(x, "http-refused", "transient", "no connection");
  if (x->direct)
    fault_hint(&x->base.fault, "is the service up that makes this socket, and may this user write to it?");
}

/* A proxy that is busy or cannot reach the host now may do so later; one that says no, will. */
void exchange_set_proxy_fault(struct exchange *x, long status)
{
  char what[400];
  snprintf(what, sizeof what, "the proxy %s answered status %ld", x->proxy, status);
  exchange_fail(x, "http-proxy", status >= 500 ? "transient" : "fatal", what);
  fault_hint(&x->base.fault, "%s",
             status == 407   ? "put the credentials into the proxy's URL: http://name:password@proxy.example:3128"
             : status >= 500 ? "is the host up, and can the proxy reach it?"
                             : "the proxy's rules say where it leads; no_proxy names hosts that need none");
}

/* True when it is the proxy that failed, not who is behind it. */
static bool proxy_failed(struct exchange *x, CURLcode code)
{
  char what[400];
  long status = 0;
  if (!x->proxy[0])
    return false;
  curl_easy_getinfo(x->easy, CURLINFO_HTTP_CONNECTCODE, &status);
  if (status && status / 100 != 2) {
    exchange_set_proxy_fault(x, status);
    return true;
  }
  if (code != CURLE_COULDNT_CONNECT && code != CURLE_PROXY)
    return false;
  const struct known *k = no_connection(x);
  snprintf(what, sizeof what, "no way through the proxy %s", x->proxy);
  say(x, "http-proxy", "transient", what, k ? k->what : x->base.reason);
  x->base.detail = k ? k->detail : NULL;
  fault_hint(&x->base.fault, "is the proxy up, and its address right? no_proxy names hosts that need none");
  return true;
}

#define WRONG_HOST "wrong-host", "the certificate is for another host", \
  "does the certificate cover this name? A wildcard covers one level only"
#define UNTRUSTED "untrusted", "nobody here trusts the certificate's authority", \
  "is the chain complete? 'ca' names the PEM file of another authority"

static const struct known certificate_faults[] = {
  {X509_V_ERR_CERT_HAS_EXPIRED, "expired", "the certificate has expired",
   "was it renewed, and is the renewed one served?"},
  {X509_V_ERR_CERT_NOT_YET_VALID, "not-yet-valid", "the certificate is not valid yet",
   "is this machine's clock right?"},
  {X509_V_ERR_HOSTNAME_MISMATCH, WRONG_HOST},
  {X509_V_ERR_IP_ADDRESS_MISMATCH, WRONG_HOST},
  {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "untrusted", "the certificate is signed by itself",
   "'ca' names the PEM file of an authority to trust, which may be this certificate"},
  {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, UNTRUSTED},
  {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, UNTRUSTED},
  {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, UNTRUSTED},
  {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, UNTRUSTED},
  {0},
};

static void bad_certificate(struct exchange *x)
{
  long verify = X509_V_ERR_UNSPECIFIED;
  curl_easy_getinfo(x->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
  if (strstr(x->base.reason, "subject name"))  /* curl compares names itself */
    verify = X509_V_ERR_HOSTNAME_MISMATCH;
  const struct known *k = find_known(certificate_faults, verify);
  if (k) {
    set_known(x, "http-certificate", "fatal", k);
  } else {
    x->base.detail = "other";
    set(x, "http-certificate", "fatal", "the certificate is not valid");
  }
}

/* Mostly a certificate that is not issued yet; a port that does not speak TLS never will. */
static void bad_handshake(struct exchange *x)
{
  bool plain = strstr(x->base.reason, "wrong version number") != NULL;
  if (plain)
    exchange_fail(x, "http-tls", "fatal", "the port does not speak TLS");
  else
    set(x, "http-tls", "pending", "the TLS handshake failed");
  fault_hint(&x->base.fault, plain ? "is it an http:// URL, or another port?"
                                   : "is the certificate issued already? A new host may take a while");
}

/* What we broke off ourselves. */
static void stopped(struct exchange *x)
{
  struct fault *f = &x->base.fault;
  char what[96];
  x->base.reason[0] = 0;
  switch (x->stop) {
  case STOP_BODY:
    snprintf(what, sizeof what, "the answer is larger than %zu bytes", x->base.body.limit);
    set(x, "http-too-large", "fatal", what);
    fault_hint(f, "raise max_body if so much is expected");
    break;
  case STOP_HEADERS:
    set(x, "http-too-large", "fatal", "the answer's headers do not end: more than 256 KiB or 1000 lines");
    break;
  case STOP_SOURCE:
    set(x, "http-source", "fatal", "the request's body could not be read to its end");
    break;
  case STOP_SINK:
    set(x, "http-sink", "fatal", "the answer's body could not be put away");
    break;
  case STOP_AGAIN:
    x->base.phase = HTTP_FIRST_BYTE;  // that of the attempt that counts
    exchange_lost(x, "http-lost", "the connection that was kept alive broke before the answer began");
    break;
  case STOP_MEMORY:
    set(x, "out-of-memory", "fatal", "not enough memory");
    break;
  default:
    exchange_lost(x, "http-protocol", "the answer is no valid HTTP");
  }
}

static bool is_garbage(const struct exchange *x, CURLcode code)
{
  return code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL ||
         code == CURLE_BAD_CONTENT_ENCODING ||
         (code == CURLE_RECV_ERROR && strstr(x->base.reason, "chunked-encoding"));
}

static void set_fault(struct exchange *x, CURLcode code)
{
  if (proxy_failed(x, code))
    return;
  switch (code) {
  case CURLE_COULDNT_CONNECT:
    set_unconnected(x);
    break;
  case CURLE_OPERATION_TIMEDOUT:
    exchange_timed_out(x, "http-connect-timeout", "no connection", x->timeouts.connect);
    break;
  case CURLE_SSL_CONNECT_ERROR:
    bad_handshake(x);
    break;
  case CURLE_PEER_FAILED_VERIFICATION:
    bad_certificate(x);
    break;
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CACERT_BADFILE:
    set(x, "http-tls-files", "misuse", "the file of ca, certificate or key cannot be used");
    fault_hint(&x->base.fault, "they are PEM files that this user can read");
    break;
  case CURLE_OUT_OF_MEMORY:
    exchange_fail(x, "out-of-memory", "fatal", "not enough memory");
    break;
  default:
    if (is_garbage(x, code)) {
      exchange_lost(x, "http-protocol", "the answer is no valid HTTP");
      advise(x, "does something else than HTTP listen there?");
    } else {
      exchange_lost(x, "http-lost", broke_while(x->base.phase));
      advise(x, "did the service stop, or something between cut it off?");
    }
  }
}

/* The peer may have a part in curl's words. */
static void clean(char *text)
{
  for (char *c = text; *c; c++)
    if ((unsigned char)*c < ' ' || (unsigned char)*c == 0x7f)
      *c = ' ';
}

void exchange_set_fault(struct exchange *x, CURLcode code)
{
  struct http_exchange *e = &x->base;
  if (code == CURLE_OK)
    return;
  if (!e->reason[0])
    snprintf(e->reason, sizeof e->reason, "%s", curl_easy_strerror(code));
  clean(e->reason);
  if (x->stop)
    stopped(x);
  else
    set_fault(x, code);
}
