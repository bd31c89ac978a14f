/* http_fault.c - what went wrong: the code, the class, the phase, and the library's own words.
 *
 * A request that left and had no reply may have been applied: unless its method may be repeated
 * (RFC 9110, 9.2.2), that is class "unknown". What never left is "transient". */
#include "http_curl.h"
#include <errno.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

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

bool http_is_repeatable(const char *method)
{
  static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", NULL};
  const char *const *m = methods;
  while (*m && strcmp(*m, method) != 0)
    m++;
  return *m != NULL;
}

/* " at 192.0.2.1:443 (reason)", as much of it as is known. */
static const char *circumstances(const struct exchange *x, char *text, size_t size)
{
  const struct http_exchange *e = &x->base;
  const char *const pieces[] = {e->address[0] ? " at " : "", e->address, e->reason[0] ? " (" : "", e->reason,
                                e->reason[0] ? ")" : ""};
  size_t len = 0;
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
    len += copy_text(text + len, size - len, pieces[i]);
  return text;
}

static void set(struct exchange *x, const char *code, const char *class, const char *what)
{
  char text[sizeof x->base.reason + sizeof x->base.address + 16];
  int len;
  const char *place = http_place(x->url_text, &len);
  fault_set(&x->base.fault, code, class, "%s %.*s: %s%s", x->method, len, place, what,
            circumstances(x, text, sizeof text));
}

void exchange_lost(struct exchange *x, const char *code, const char *what)
{
  bool unknown = !http_is_repeatable(x->method) && x->base.phase >= HTTP_SEND;
  set(x, code, unknown ? "unknown" : "transient", what);
  if (unknown)
    fault_hint(&x->base.fault, "the request may have been applied: look before sending it again");
}

/* Only the request's own phases leave it open whether it was applied. */
void exchange_timed_out(struct exchange *x, const char *code, const char *what, double seconds)
{
  char text[128];
  if (x->base.phase == HTTP_CONNECT)
    exchange_forget_addresses(x);
  snprintf(text, sizeof text, "%s within %g s (phase: %s)", what, seconds, http_phase_name(x->base.phase));
  exchange_lost(x, code, text);
}

/* What the machine says of a connection that was not made; sets the detail. */
static const char *no_connection(struct exchange *x)
{
  long number = 0;
  const char *what = "no connection";
  exchange_forget_addresses(x);
  curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &number);
  if (x->direct && number)  /* curl speaks of the URL's host */
    snprintf(x->base.reason, sizeof x->base.reason, "%s", strerror((int)number));
  if (number == ECONNREFUSED) {
    x->base.detail = "refused";
    what = "the connection was refused";
  } else if (number == ENETUNREACH || number == EHOSTUNREACH || number == EADDRNOTAVAIL) {
    x->base.detail = "unreachable";
    what = "the address cannot be reached from here";
  } else if (number == ECONNRESET) {
    x->base.detail = "reset";
    what = "the connection was reset";
  }
  return what;
}

/* A proxy that is busy or cannot reach the host now may do so later; one that says no, will. */
void exchange_set_proxy_fault(struct exchange *x, long status)
{
  char what[400];
  snprintf(what, sizeof what, "the proxy %s answered status %ld", x->proxy, status);
  set(x, "http-proxy", status >= 500 ? "transient" : "fatal", what);
  if (status == 407)
    fault_hint(&x->base.fault, "put the credentials into the proxy's URL: http://name:password@proxy.example:3128");
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
  snprintf(what, sizeof what, "no way through the proxy %s: %s", x->proxy, no_connection(x));
  set(x, "http-proxy", "transient", what);
  return true;
}

struct certificate_fault {
  long verify;
  const char *detail, *what;
};

static const struct certificate_fault certificate_faults[] = {
  {X509_V_ERR_CERT_HAS_EXPIRED, "expired", "the certificate has expired"},
  {X509_V_ERR_CERT_NOT_YET_VALID, "not-yet-valid", "the certificate is not valid yet"},
  {X509_V_ERR_HOSTNAME_MISMATCH, "wrong-host", "the certificate is for another host"},
  {X509_V_ERR_IP_ADDRESS_MISMATCH, "wrong-host", "the certificate is for another host"},
  {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "untrusted", "the certificate is signed by itself"},
  {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "untrusted", "nobody here trusts the certificate's authority"},
  {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "untrusted", "nobody here trusts the certificate's authority"},
  {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "untrusted",
   "nobody here trusts the certificate's authority"},
  {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "untrusted",
   "nobody here trusts the certificate's authority"},
};

static void bad_certificate(struct exchange *x)
{
  long verify = X509_V_ERR_UNSPECIFIED;
  const char *what = "the certificate is not valid";
  curl_easy_getinfo(x->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
  if (strstr(x->base.reason, "subject name"))  /* curl compares names itself */
    verify = X509_V_ERR_HOSTNAME_MISMATCH;
  x->base.detail = "other";
  for (size_t i = 0; i < sizeof certificate_faults / sizeof *certificate_faults; i++)
    if (certificate_faults[i].verify == verify) {
      x->base.detail = certificate_faults[i].detail;
      what = certificate_faults[i].what;
    }
  set(x, "http-certificate", "fatal", what);
}

/* Mostly a certificate that is not issued yet; a port that does not speak TLS never will. */
static void bad_handshake(struct exchange *x)
{
  bool plain = strstr(x->base.reason, "wrong version number") != NULL;
  set(x, "http-tls", plain ? "fatal" : "pending",
      plain ? "the port does not speak TLS" : "the TLS handshake failed");
  if (plain)
    fault_hint(&x->base.fault, "is it an http:// URL, or another port?");
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
    set(x, "http-refused", "transient", no_connection(x));
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
    set(x, "http-tls-files", "misuse", "the CA, certificate or key file cannot be used");
    break;
  case CURLE_OUT_OF_MEMORY:
    set(x, "out-of-memory", "fatal", "not enough memory");
    break;
  default:
    if (is_garbage(x, code))
      exchange_lost(x, "http-protocol", "the answer is no valid HTTP");
    else
      exchange_lost(x, "http-lost", broke_while(x->base.phase));
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
