---@meta websocket

---WebSockets (RFC 6455), for live logs and whatever else speaks without being asked.
---
---The connection is made as `http.request` makes its own: names, `--local`, proxies of the environment,
---authorities, and the errors until there is a connection. Redirects are not followed. No extension is
---used, so nothing is compressed. Pings of the peer are answered while messages are read.
local websocket = {}

---@class websocket.Settings
---@field max_message? integer  bytes of a message at most (16 MiB)
---@field max_queued? integer   bytes of messages that nobody received yet, after which no more is read: the
---peer is held up, and its pings and close wait as well (4 MiB)
---@field ping? number          seconds of silence after which the peer is asked, and again until it counts
---as lost; 0: never (30)
---@field close_timeout? number seconds that the peer has to answer our close (5)

---@class websocket.Options : websocket.Settings
---@field url string            ws://… or wss://…, without a fragment; a secret in it is refused
---@field headers? table<string, string|secret.Secret>  of the handshake. A secret must be bound to the URL's
---host; wss counts as https, ws as http. Those of the handshake itself (upgrade, sec-websocket-…) are refused
---@field protocols? string[]   subprotocols, the preferred one first
---@field timeout? number       seconds until the socket is open, at most 3600 (30)
---@field ca? string            PEM file of the only authorities to trust
---@field certificate? string   PEM file of the client's certificate
---@field key? string           PEM file of its key, unless that is in the certificate's file
---@field proxy? string         URL; "": none; absent: of the environment
---@field connect_to? string    address, with or without a port, to connect to instead of the URL's host
---@field unix? string          path of the Unix socket to connect to; the URL names the host
---@field family? 4|6           only addresses of this family (both)

---@class websocket.Error
---@field phase? string         of `connect`: "dns", "connect", "tls", "send", "first byte", "body"
---@field detail? string        of `connect`: as of `http.request`
---@field address? string       of `connect`: the peer
---@field status? integer       of `websocket-refused`: what the server answered
---@field body? string          of `websocket-refused`: how its text begins, on one line
---@field close_code? integer   of an open socket: 1006 when it was lost, 1002, 1007 or 1009 when the peer made a
---mistake and was told so

---Opens a WebSocket. Keep it in a `<close>` variable: the end of its scope says that we go away (1001) and
---drops the connection without waiting.
---
---Raises, beside the errors of `http.request` until there is a connection: `websocket-refused` (the server
---answered something else than 101: throttled for 429, transient from 500 on, else fatal; fields `status`, `body`),
---`websocket-handshake` (fatal: it does not speak the protocol, or not in answer to us), `websocket-lost`
---(transient), `websocket-timeout` (transient).
---@param options websocket.Options
---@return websocket.Socket
function websocket.connect(options) end

---One open WebSocket; the server's (`server`) are the same. One task may receive while others send.
---@class websocket.Socket
---@field code? integer         once it has ended: the peer's close code, 1005 when it gave none
---@field reason? string        likewise: why, as the peer says
---@field protocol? string      the subprotocol that was agreed upon
local socket = {}

---Waits for the next message, in one piece however it was sent. At a proper close it gives nil, the code and
---the reason, whatever the code means: 1000 and 1001 are ordinary ends, 1011 is an error of the peer's.
---
---Raises `websocket-lost` (transient: the connection ended without a close, or nothing came for twice
---`ping`), `websocket-protocol` (fatal: the peer does not keep to RFC 6455; it was told 1002 or 1007),
---`websocket-too-large` (fatal: more than `max_message`; it was told 1009).
---@return string? message, "text"|"binary"|integer kind, string? reason
function socket:receive() end

---Receives in a loop, until the close: `for message, kind in ws:messages() do … end`.
---@return fun(ws: websocket.Socket): string?, string?
---@return websocket.Socket
function socket:messages() end

---Sends a message and returns when it is on its way, so who sends much is held up by a peer that reads
---slowly. A text must be UTF-8. A secret in it must be bound to the URL's host; a server's socket sends none.
---
---Raises `websocket-closed` (fatal: after the close) and what `receive` raises.
---@param message string|secret.Secret
---@param kind? "text"|"binary"  ("text")
function socket:send(message, kind) end

---Says close and waits for the peer's answer. What came before it can still be received.
---
---Raises `websocket-lost` (transient) when the peer does not answer within `close_timeout`. After the end it
---only gives how it ended.
---@param code? integer   1000, 1001, 1003, 1008, 1009, 1011 or 3000 to 4999 (1000)
---@param reason? string  at most 123 bytes
---@return integer code, string reason  the peer's
function socket:close(code, reason) end

return websocket
