---What an answer means, row by row; the first row that fits decides. Two columns: `grace`, before the
---first success, where much is still on its way, and `after`, for what has been serving already.
---
--- name      of the row, in the timeline
--- codes     of http's errors, or of what the engine found ("other-version", "unexpected", "too-slow",
---           "pattern-limit"); one that ends with * stands for all that begin so. None: an answer
--- details   of such an error: one of these
--- status    of an answer: 404, "5xx", "520-524", or a list
--- says      one of these texts in the body, or in what the library says about the error
--- header    a header that is there, in lower case; `holds`: a text in its value
--- slow      takes its time: looked at seldom
--- quick     a look costs next to nothing: looked at often before the first success
--- hint      what would have mended it
---
---A column is a class, or { class, times = n, seconds = n }: so many looks in a row, or so long, and it
---is fatal. "failing" is fatal after `fall` looks in a row, in grace only when they lasted for `fall_for`
---seconds, "fatal" at once.

-- Cloudflare's error pages: plain text for programs, a page for browsers.
local function page(number)
  return {
    ("error code: %d"):format(number), ("Error %d"):format(number), ("Error code %d"):format(number),
    ('cf-error-code">%d<'):format(number),
  }
end

local ISSUE <const> = 15 * 60   -- seconds that a certificate may take; then something is wrong with the domain

local redirects = { 301, 302, 303, 307, 308 }

---@type health.Row[]
return {
  -- what stands in the way of a connection ----------------------------------------------------------

  { name = "no-name", codes = { "dns-not-found", "dns-no-data" }, slow = true,
    grace = "pending", after = { "failing", times = 2 },
    hint = "the name is not in DNS: was its record made, and in this zone? A resolver that was asked too early "
      .. "remembers that for as long as the zone's SOA says" },
  { name = "resolver", codes = { "dns-failed", "dns-timeout" }, grace = "transient", after = "transient",
    hint = "the resolver does not answer: is this machine's network up?" },
  { name = "not-local", codes = { "not-local" }, grace = "fatal", after = "fatal",
    hint = "with --local only the project's zone and the modelled services are reachable" },
  { name = "no-url", codes = { "http-url", "dns-name" }, grace = "fatal", after = "fatal",
    hint = "write it as https://host/path" },

  { name = "no-tls", codes = { "http-tls" }, grace = "fatal", after = "fatal",
    says = { "wrong version number", "packet length too long", "unknown protocol", "http request" },
    hint = "what answers there does not speak TLS: is it http://, or another port?" },
  { name = "no-certificate", codes = { "http-tls" }, slow = true,
    grace = { "pending", seconds = ISSUE }, after = "fatal",
    hint = "the certificate was not issued: look at its validation (DCV) and at the zone's CAA records" },
  { name = "other-certificate", codes = { "http-certificate" }, details = { "wrong-host" }, slow = true,
    grace = { "pending", seconds = ISSUE }, after = "fatal",
    hint = "the certificate is for another host: does the custom domain belong to this service, and does the "
      .. "certificate cover it? A wildcard covers one level only" },
  { name = "other-certificate", codes = { "http-certificate" }, slow = true,
    says = { "subject name", "does not match" }, grace = { "pending", seconds = ISSUE }, after = "fatal",
    hint = "the certificate is for another host: does the custom domain belong to this service, and does the "
      .. "certificate cover it? A wildcard covers one level only" },
  { name = "early-certificate", codes = { "http-certificate" }, details = { "not-yet-valid" }, slow = true,
    grace = { "pending", seconds = ISSUE }, after = "fatal",
    hint = "the certificate is not valid yet: is this machine's clock right?" },
  { name = "expired-certificate", codes = { "http-certificate" }, details = { "expired" },
    grace = "fatal", after = "fatal",
    hint = "the certificate has expired: was it renewed, and is the renewed one served?" },
  { name = "untrusted-certificate", codes = { "http-certificate" }, details = { "untrusted" },
    grace = "fatal", after = "fatal",
    hint = "nobody this machine trusts has signed the certificate: is the chain complete? ca names another CA" },
  { name = "bad-certificate", codes = { "http-certificate" }, grace = "fatal", after = "fatal",
    hint = "the certificate is not valid: the reason says why; ca names another CA" },

  { name = "refused", codes = { "http-refused" }, quick = true, grace = "pending", after = "failing",
    hint = "nothing accepts connections there: was the service started, and on this host and port?" },
  { name = "no-answer", grace = "pending", after = "failing",
    codes = { "http-timeout", "http-connect*", "http-tls-timeout", "http-first-byte*", "http-idle*", "http-lost" },
    hint = "it does not answer in time: is it overloaded, or does a firewall drop the connection?" },
  { name = "no-http", codes = { "http-protocol" }, grace = "failing", after = "failing",
    hint = "what answers there does not speak HTTP: is it https://, or another port?" },
  { name = "proxy", codes = { "http-proxy" }, grace = "transient", after = "transient",
    hint = "the proxy does not let it through: look at http_proxy, https_proxy and no_proxy" },
  { name = "bad-files", codes = { "http-tls-files" }, grace = "fatal", after = "fatal",
    hint = "ca, certificate and key are PEM files" },
  { name = "too-large", codes = { "http-too-large" }, grace = "fatal", after = "fatal",
    hint = "a health page is small: is the URL right? max_body allows more" },

  -- what does not hold although the status is right ---------------------------------------------------

  { name = "other-version", codes = { "other-version" }, grace = "stale", after = "stale",
    hint = "an older version is still serving: was the new one deployed, and to this host?" },
  { name = "unexpected", codes = { "unexpected" }, grace = "stale", after = "stale",
    hint = "an older version is still serving, or the service does not say what is expected of it" },
  { name = "too-slow", codes = { "too-slow" }, grace = "transient", after = "transient",
    hint = "it answers too slowly: the timing says in which phase" },
  { name = "pattern-limit", codes = { "pattern-limit" }, grace = "fatal", after = "fatal",
    hint = "write the pattern more exactly: each '.-' and '.*' multiplies its cost" },

  -- pages of the edge --------------------------------------------------------------------------------------

  { name = "placeholder", status = 404, says = { "There is nothing here yet", table.unpack(page(1042)) },
    grace = "pending", after = "fatal",
    hint = "nothing is deployed under this name: was the Worker deployed, and is its route or workers.dev name on?" },
  { name = "placeholder", header = "x-davit-stand-in", holds = "placeholder", grace = "pending", after = "fatal",
    hint = "nothing is deployed under this name" },
  { name = "access", status = redirects, header = "location", holds = "cloudflareaccess.com",
    grace = "fatal", after = "fatal",
    hint = "Cloudflare Access stands in front: let the path through, or send a service token in the headers" },
  { name = "login", status = redirects, header = "location", holds = "login", grace = "fatal", after = "fatal",
    hint = "a login stands in front: ask a path that needs none" },
  { name = "challenge", header = "cf-mitigated", grace = "fatal", after = "fatal",
    hint = "the firewall challenges this machine: allow its address, or look from elsewhere" },
  { name = "blocked", status = 403, says = page(1020), grace = "fatal", after = "fatal",
    hint = "a firewall rule blocks this machine: allow its address or the path" },
  { name = "cross-account", says = page(1014), status = "4xx", grace = "fatal", after = "fatal",
    hint = "the CNAME leads to a zone of another account: both must agree, or it must lead elsewhere" },
  { name = "plan-limit", says = page(1027), status = { "4xx", "5xx" }, grace = "fatal", after = "fatal",
    hint = "the plan's requests of this day are used up: wait for the next day, or raise the plan" },
  { name = "worker-threw", says = page(1101), status = "5xx", grace = { "failing", times = 3 }, after = "failing",
    hint = "the Worker threw: 'wrangler tail' shows the exception" },
  { name = "worker-limits", says = page(1102), status = "5xx", grace = { "failing", times = 3 }, after = "failing",
    hint = "the Worker used more CPU than its plan allows" },
  { name = "origin-name", says = page(1016), status = "5xx", grace = "pending", after = "failing",
    hint = "the edge cannot resolve the origin: look at what the record points to" },
  { name = "tunnel", says = page(1033), status = "5xx", grace = "pending", after = "failing",
    hint = "the tunnel is not connected: does cloudflared run?" },
  { name = "throttled", status = 429, grace = "throttled", after = "throttled",
    hint = "the service limits requests: wait, or look from fewer places" },
  { name = "throttled", says = page(1015), status = "4xx", grace = "throttled", after = "throttled",
    hint = "the zone limits requests: wait, or look from fewer places" },
  { name = "edge-origin", status = { 523, 530 }, grace = "pending", after = "failing",
    hint = "the edge does not reach the origin: look at the record and at the origin" },
  { name = "edge-tls", status = { 525, 526 }, grace = "pending", after = "fatal",
    hint = "the edge does not accept the origin's certificate: look at it, and at the zone's SSL mode" },
  { name = "edge-unstable", status = { "520-522", 524 }, grace = "pending", after = "transient",
    hint = "the edge gets no good answer from the origin: is it up, and does it answer in time?" },

  -- the service's own statuses --------------------------------------------------------------------------------

  { name = "unavailable", status = { 408, 425, "502-504" }, grace = "transient", after = "transient",
    hint = "the service is not stable: its log and the provider's status page say why" },
  { name = "error", status = 500, grace = { "failing", times = 3 }, after = "failing",
    hint = "the service itself reports an error: its log says why" },
  { name = "denied", status = { 401, 403 }, grace = "fatal", after = "fatal",
    hint = "it wants to know who asks: ask a path that is open, or send credentials in the headers" },
  { name = "missing", status = { 404, 410 }, grace = "failing", after = "failing",
    hint = "the service answers, and has no such path: is the URL right?" },
  { name = "redirect", status = "3xx", grace = "fatal", after = "fatal",
    hint = "it leads elsewhere: ask the URL in its location header, or expect this status" },
  { name = "refuses", status = "4xx", grace = "failing", after = "failing",
    hint = "the service answers, and refuses the request: is the URL right, and the method?" },
  { name = "unavailable", status = "5xx", grace = "transient", after = "transient",
    hint = "the service is not stable: its log and the provider's status page say why" },
  { name = "other", codes = { "http-*", "dns-*", "out-of-memory" }, grace = "transient", after = "transient",
    hint = "the reason says what came back" },
  { name = "other", grace = "fatal", after = "fatal",
    hint = "something answers that will not become healthy by waiting: is the URL right?" },
}
