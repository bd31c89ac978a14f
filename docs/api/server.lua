---@meta server

---An HTTP(S) server, WebSockets included, for the local cloud and for tests.
---Every request is answered in a task of its own, so a handler may wait.
local server = {}

---@class server.Options
---@field address? string    where to listen ("127.0.0.1")
---@field port? integer      0 to 65535; 0 takes a free one (0)
---@field path? string       of a socket in the file system, instead of address and port: at most 107 bytes; only its
---owner may connect. One that a killed server left is taken over, and it goes when the server is closed
---@field tls? authority.Authority  speaks https with certificates of this authority
---@field max_body? integer  bytes; a longer body is answered with 413 (16 MiB)

---@class server.Request
---@field method string
---@field path string        as it was sent, not decoded
---@field query string       likewise, without the question mark; "" when there is none
---@field scheme "http"|"https"  of the URL, when a client of a proxy sends a whole one
---@field host string        in lower case, without its port
---@field headers table<string, string>  names in lower case; repeated ones joined by ", "
---@field body string
---@field address string     the client's address and port; "" on a socket with a path

---With `websocket` a reply makes a WebSocket of the request: the function gets it and talks on it as long as
---it likes. When it returns the socket is closed with 1000, when it raises with 1011, when it is cancelled it is
---dropped. A request that asks for no WebSocket (`request.headers.upgrade`) is answered with 426.
---@class server.Reply : websocket.Settings
---@field status? integer    200 to 599 (200)
---@field headers? table<string, string|string[]>  lengths are set by the server
---@field body? string
---@field close? boolean     drops the connection without an answer
---@field cut? integer       bytes of the body after which the connection ends, as of a server that dies
---@field stream? fun(out: server.Out)  writes the body while it is sent
---@field websocket? fun(ws: websocket.Socket)
---@field protocols? string[]  of a WebSocket: those that are spoken here; the first that the client names counts

---What the function of `stream` writes to. The body ends when the function returns; when it raises, or is
---cancelled, the answer breaks off so that the client notices.
---@class server.Out
local out = {}

---Sends a piece; waits while 256 KiB of earlier ones are not sent yet.
---@param text string
---@return boolean alive  false once the client has gone, as far as that is known: then pieces are dropped
function out:write(text) end

---@alias server.Handler fun(request: server.Request): integer|server.Reply, string?, table?

---@class server.Serving
---@field on_error? fun(err: any, request: server.Request)  is told what a handler raised

---@class server.Server
---@field port integer       the port it listens on
---@field url string         "http://127.0.0.1:PORT", or "unix:PATH"
local listening = {}

---Answers requests until the task is cancelled or the server closed. A handler returns status,
---body and headers, or one table of them; one that raises, or returns what cannot be sent, is
---answered with 500 and one line of text. Handlers that still run at the end are cancelled.
---@param handler server.Handler
---@param options? server.Serving
function listening:serve(handler, options) end

---Stops listening and drops all connections; `<close>` does the same.
function listening:close() end

---Listens. Raises `server-failed` (fatal) when the address or the port is not to be had.
---@param options? server.Options
---@return server.Server
function server.listen(options) end

---Serves requests while `body` runs, stops when it ends, and gives what it returned.
---@generic T
---@param handler server.Handler
---@param body fun(s: server.Server): T
---@param options? server.Options|server.Serving
---@return T
function server.with(handler, body, options) end

return server
