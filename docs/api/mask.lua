---@meta mask

---The masker behind every stream and report, for texts that a recipe hands on in another way; and
---maskers of their own for values that are no secrets of this run.
---
---`mask.text` and `mask.stream` know every secret of this run, `mask.new` makes a masker that knows its own
---list and nothing else. All of them look for the same forms of a value:
---
---  - as it is; inside the strings of JSON (short escapes, \u, \/, the HTML-safe ones of Go, Ruby, PHP, .NET,
---    Gson), HTML and XML (by names; other marks by number as Go, OWASP, Handlebars, Mustache, .NET, ESAPI do, or all
---    of them), POSIX shells ('\'' and '"'"', %q, $'…', "…"), the words that bash -x shows of it, cmd, PowerShell, SQL,
---    CSV, make, Python, Go, Lua, C, JavaScript, Perl, YAML, and in the logs of nginx and Apache
---  - percent-encoded as clients do it: RFC 3986, URI components, forms, digits in either case; JavaScript's escape()
---  - base64 and base64url, alone or inside something longer, at every alignment: then the characters that the
---    value alone determines; also inside a URL. Hexadecimal digits in either case
---  - encoded twice: base64, percent, JSON (and once more), and JSON or percent inside base64 or a URL, JSON in the
---    quotes of shells, quotes of shells in each other
---  - as PowerShell has it (base64 of UTF-16), base32, \xNN, octal, with colons between the bytes
---  - a value of several lines: as a whole, with its line ends written in other ways, or gone; and each line of 8
---    bytes and more alone, but for the armour of keys
---  - what is read out of it: inside its quotes; the password of a URL or a connection string (ADO, JDBC, ODBC, libpq,
---    netrc, JAAS) as it is written and decoded; the credentials of an Authorization header; strings of JSON, YAML and
---    files of NAME=value, with [sections] or without, whose name says that they are secret, or, in such files, that
---    look random. Not the user, not the host, and no word that everybody writes
---  - across the ends of lines of 48 characters and more of one alphabet, as base64, openssl and xxd -p break them
---  - in dumps of 16 bytes a line: xxd, hexdump, od, in hexadecimal or octal bytes or words, decimal words
---    (hexdump -d), bits (xxd -b), characters (od -c, hexdump -c), with their column of characters, and openssl's
---    digits between colons
---
---White space around a value is no part of it. A value of fewer than 4 bytes beside that is not masked; of one of 4 to
---7 only whole forms are. A value is 1 MiB at most; beyond 1 KiB the rare forms are left out, beyond 8 KiB all but
---the value, JSON, percent and base64, of its lines beyond 4 KiB; beyond 64 KiB lines are looked for as they are.
---
---Deliberately not found, and why:
---
---  - a value in another case, reversed, compressed, encrypted, one character a line: nothing that looks for forms can
---  - a part of a value, such as a message that cuts it: half of it may be any word
---  - every byte as %XX: the % of a progress bar would have to wait
---  - every character as a number (&#N;, octal escapes of one or two digits, upper-case \xNN): such a form is four to
---    six times as long as the value, and takes memory accordingly; only mail addresses are hidden like that
---  - base32, \xNN, octal, base64 in base64 inside something longer; hexadecimal digits with blanks or dashes on one
---    short line; three encodings inside each other but JSON's: each form is looked for in every byte, and rare
---  - the words that a shell's trace shows of a value with control characters, or other shells than bash: each quotes
---    in its own way
---  - lines of fewer than 8 bytes of a value, and armour, alone: they would black out ordinary text
---  - dumps whose lines are narrower than 47 columns, a first line of fewer than 16 bytes, and what a dump leaves out
---    as repeated ("*"): less cannot be told from ordinary numbers fast enough
---  - od -a, whose names drop a bit of each byte; characters beyond ASCII in hexdump -c, which writes them as they are;
---    words of a dump from a machine of the other byte order, or of xxd -e, which nothing tells from xxd -g4; C
---    (xxd -i): its commas and letters are those of ordinary text, and looking for them costs every text; base32 in
---    lines
---@class mask
local mask = {}

---A whole text with `***` for every secret in it. Overlapping and touching matches become one.
---@param text string
---@return string
---Raises a misuse for anything but a string.
function mask.text(text) end

---A stream: text cut anywhere goes in, masked text comes out. What could still become a secret
---is held back, and nothing else. A secret that appears meanwhile counts from then on.
---@return mask.Stream
function mask.stream() end

---A masker that knows only its own values: nothing is registered for the run, and the run's secrets are not known to
---it. Of a secret that is put together of several, each is known, too.
---@param values? (string|secret.Secret)[]  any bytes; one that is too short to be masked is warned of on standard error
---@return mask.Masker
---Raises a misuse for anything but a list of strings and secrets, and for a value beyond 1 MiB.
function mask.new(values) end

---@class mask.Stream
local Stream = {}

---@param text string
---@return string  what is decided by now
---Raises a misuse for anything but a string.
function Stream:feed(text) end

---Releases what is held back; the stream may begin again.
---@return string
function Stream:finish() end

---A stream, and the values that it looks for.
---@class mask.Masker
local Masker = {}

---One more value: it counts from here on, the text that is held back included.
---@param value string|secret.Secret
---@return boolean masked  false: it has fewer than 4 bytes, as a warning on standard error says, too
---Raises a misuse as `mask.new` does.
function Masker:add(value) end

---@param text string
---@return string  what is decided by now
---Raises a misuse for anything but a string.
function Masker:feed(text) end

---Releases what is held back; the stream may begin again.
---@return string
function Masker:finish() end

---A whole text, beside what is being fed.
---@param text string
---@return string
---Raises a misuse for anything but a string.
function Masker:text(text) end

return mask
