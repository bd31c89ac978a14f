---What real tools print: those that are here are run, the others are passed over.
local process = require "process"

local names = { "token", "password", "shellish", "quotes", "utf8", "dashed", "url", "base64key", "hexkey", "tildes", "pem" }

local function there(program)
  return process.run { command = "command -v " .. program, check = false }.exit == 0
end

-- Runs a script that writes records of NAME NUL INDEX NUL OUTPUT NUL, once for all secrets, which it reads as lines
-- of hexadecimal digits.
local function records(o, argv, env)
  local lines = {}
  for i, name in ipairs(names) do
    lines[i] = o.trimmed(o.secrets[name]):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  end
  local result = process.run { argv = argv, input = table.concat(lines, "\n") .. "\n", env = env, pty = false,
    max_output = 8 << 20 }
  return result.output:gmatch("([^\0]*)\0([^\0]*)\0([^\0]*)\0")
end

-- The patterns of what may be left: what the tool puts around a value.
local quoted = [[^["'`$]*%*%*%*["'`]*$]]

local function judge(add, o, program, argv, patterns, env)
  if not there(program) then return end
  for tool, index, output in records(o, argv, env) do
    local name = names[tonumber(index)]
    local pattern = patterns[tool .. " of " .. name] or patterns[tool] or quoted
    add(("%s of %s"):format(tool, name), { secrets = { o.secrets[name] }, text = (output:gsub("\n$", "")), pattern = pattern })
  end
end

local PYTHON <const> = [[
import base64, binascii, html, json, pprint, shlex, sys, urllib.parse, xml.sax.saxutils as sax, csv, io, logging, traceback
import xml.etree.ElementTree as et
def put(tool, i, text):
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    sys.stdout.buffer.write(b"%s\0%d\0%s\0" % (tool.encode(), i, data))
def csv_of(s):
    out = io.StringIO(); csv.writer(out).writerow([s, "other"]); return out.getvalue().rsplit(",", 1)[0]
for i, line in enumerate(sys.stdin, 1):
    raw = bytes.fromhex(line.strip()); s = raw.decode("utf-8")
    put("python repr", i, repr(s)); put("python ascii", i, ascii(s)); put("python bytes", i, repr(raw)[1:])
    put("python json", i, json.dumps(s)); put("python json unicode", i, json.dumps(s, ensure_ascii=False))
    put("python json twice", i, json.dumps(json.dumps(s)))
    put("python json thrice", i, json.dumps(json.dumps(json.dumps(s))))
    put("python shlex twice", i, shlex.quote(shlex.quote(s))); put("python shlex of json", i, shlex.quote(json.dumps(s)))
    put("python numbers", i, "".join(c if c.isalnum() else "&#%d;" % ord(c) for c in s)) if s.isascii() and "\n" not in s else None
    put("python quote", i, urllib.parse.quote(s)); put("python quote all", i, urllib.parse.quote(s, safe=""))
    put("python quote_plus", i, urllib.parse.quote_plus(s)); put("python urlencode", i, urllib.parse.urlencode({"k": s}))
    put("python base64", i, base64.b64encode(raw)); put("python urlsafe", i, base64.urlsafe_b64encode(raw))
    put("python basic", i, "Authorization: Basic " + base64.b64encode(b"user:" + raw + b"~~").decode())
    put("python base32", i, base64.b32encode(raw)) if len(raw) <= 1024 else None
    put("python hex", i, raw.hex()); put("python HEX", i, raw.hex().upper())
    put("python html", i, html.escape(s)); put("python sax", i, sax.escape(s))
    put("python attribute", i, sax.quoteattr(s.replace("\n", " ")))
    e = et.Element("a", k=s); e.text = s
    put("python element", i, et.tostring(e, encoding="unicode"))
    put("python shlex", i, shlex.quote(s)); put("python csv", i, csv_of(s)); put("python dict", i, str({"k": s}))
    put("python format", i, "%(k)r" % {"k": s}); put("python list", i, repr([s, s]))
    put("python utf16", i, base64.b64encode(s.encode("utf-16-le"))) if len(raw) <= 1024 else None
    put("python escape", i, s.encode("unicode_escape"))
    try: raise ValueError(s)
    except ValueError as err: put("python error", i, str(err)); put("python error repr", i, repr(err))
    try: int(s)
    except ValueError as err: put("python int", i, str(err)) if len(s) < 200 else None  # longer ones are cut
]]

local python_patterns = {
  ["python urlencode"] = "^k=%*%*%*$", ["python basic"] = "^Authorization: Basic [%w+/]*%*%*%*[%w+/=]*$",
  ["python element"] = '^<a k="%*%*%*">%*%*%*</a>$', ["python dict"] = "^{'k': ['\"]%*%*%*['\"]}$",
  ["python list"] = "^%[['\"]%*%*%*['\"], ['\"]%*%*%*['\"]%]$", ["python error repr"] = "^ValueError%(['\"]%*%*%*['\"]%)$",
  ["python json twice"] = [[^"\"%*%*%*\""$]], ["python json thrice"] = [[^"\"\\\"%*%*%*\\\"\""$]],
  ["python shlex twice"] = [[^["']*%*%*%*["']*$]], ["python shlex of json"] = [[^'"%*%*%*"'$]],
  ["python int"] = "^invalid literal for int%(%) with base 10: ['\"]%*%*%*['\"]$",
}

local NODE <const> = [[
const util = require("util"), qs = require("querystring");
const put = (tool, i, text) =>
  process.stdout.write(Buffer.concat([Buffer.from(tool + "\0" + i + "\0"), Buffer.from(text), Buffer.from("\0")]));
require("fs").readFileSync(0, "utf8").trim().split("\n").forEach((line, at) => {
  const i = at + 1, raw = Buffer.from(line, "hex"), s = raw.toString("utf8");
  put("node JSON", i, JSON.stringify(s)); put("node JSON of JSON", i, JSON.stringify(JSON.stringify(s)).slice(3, -3));
  put("node inspect", i, util.inspect(s)); put("node inspect object", i, util.inspect({ k: s }, { breakLength: Infinity }));
  put("node component", i, encodeURIComponent(s)); put("node encodeURI", i, encodeURI(s)); put("node escape", i, qs.escape(s));
  put("node search", i, new URLSearchParams({ k: s }).toString()); put("node querystring", i, qs.stringify({ k: s }));
  put("node escape", i, escape(s));
  put("node component of JSON", i, encodeURIComponent(JSON.stringify(s)));
  put("node base64", i, raw.toString("base64")); put("node base64url", i, raw.toString("base64url"));
  put("node hex", i, raw.toString("hex")); put("node error", i, String(new Error(s)));
  put("node template", i, `value=${s};`);
  put("node basic", i, "Basic " + Buffer.concat([Buffer.from("u:"), raw]).toString("base64"));
});
]]

local node_patterns = {
  ["node search"] = "^k=%*%*%*$", ["node querystring"] = "^k=%*%*%*$",
  ["node component of JSON"] = "^%%22%*%*%*%%22$", ["node error"] = "^Error: %*%*%*$",
  ["node template"] = "^value=%*%*%*;$", ["node basic"] = "^Basic dT[%w+/]%*%*%*[%w+/]?=*$",
  ["node inspect object"] = "^{ k: ['\"`]%*%*%*['\"`] }$",
  ["node inspect of pem"] = "^'%-%-%-%-%-BEGIN PRIVATE KEY%-%-%-%-%-\\n' %+\n  '%*%*%*\\n' %+\n",
  ["node inspect"] = [[^['"`]%*%*%*['"`]$]],
}

local PERL <const> = [[
use strict; use MIME::Base64; use Data::Dumper; $Data::Dumper::Terse = 1; $Data::Dumper::Indent = 0; binmode STDOUT;
my $i = 0;
while (my $line = <STDIN>) {
  chomp $line; $i++; my $s = pack("H*", $line);
  my $put = sub { print "$_[0]\0$i\0$_[1]\0" };
  $put->("perl base64", encode_base64($s, "")); $put->("perl quotemeta", quotemeta($s)) if $s !~ /[\x80-\xff\n]/;
  $put->("perl Dumper", Dumper($s)); $put->("perl unpack", unpack("H*", $s));
  (my $u = $s) =~ s/([^A-Za-z0-9\-._~])/sprintf("%%%02X", ord($1))/ge; $put->("perl percent", $u);
  { local $Data::Dumper::Useqq = 1; $put->("perl Useqq", Dumper($s)) if $s !~ /[\x80-\xff\@]/; }
}
]]

local BASH <const> = [[
i=0
while read -r line; do
  i=$((i + 1)); s=$(printf %b "$(printf %s "$line" | sed 's/../\\x&/g')")
  put() { printf '%s\0%s\0%s\0' "$1" "$i" "$2"; }
  put 'bash %q' "$(printf %q "$s")"
  put 'bash @Q' "${s@Q}"
  put 'bash set -x' "$({ set -x; : "$s"; } 2>&1 | sed '1s/^+* : //')"
  put 'bash set -x, words' "$({ set -f; set -x; : $s; } 2>&1 | sed '1s/^+* : //;1s/^+* set -x//')"
  if command -v jq >/dev/null; then
    j=$(printf %s "$s" | jq -Rs .)
    put 'bash set -x, JSON' "$({ set -x; : "$j"; } 2>&1 | sed '1s/^+* : //;1s/^+* set -x//')"
    put 'bash %q of JSON' "$(printf %q "$j")"
  fi
  put 'bash set -x, shell in a shell' "$(c=": ${s@Q}"; { set -x; : "$c"; } 2>&1 | sed "1s/^+* : //;1s/^':[ ]*/'/")"
  put 'bash set -x, assignment' "$({ set -x; v=$s; } 2>&1 | sed '1s/^+* v=//')"
  put 'bash declare -p' "$(declare -p s | sed '1s/^declare -- s=//')"
  put 'bash echo' "$(set -f; echo $s)"
  put 'coreutils printf' "$(env printf %q "$s")"
  put 'base64 -w0' "$(printf %s "$s" | base64 -w0)"
  put 'base64 of a line' "$(printf '%s\n' "$s" | base64 -w0)"
  put 'env' "$(env -i SECRET="$s" /usr/bin/env | sed '1s/^SECRET=//')"
  put 'command not found' "$("$s" 2>&1 | sed '1s/^.*line [0-9]*: //')"
  put 'tr' "$(printf %s "$s" | tr '\n' ' ')"
done
]]

local bash_patterns = {
  ["bash %q"] = [[^[$'\]*%*%*%*'?$]], ["bash echo"] = "^%*%*%*$", ["base64 of a line"] = "^%*%*%*[%w+/]?[%w+/]?=*$",
  ["bash set -x, words"] = [[^'?%*%*%*'?$]],
  ["bash set -x, JSON"] = [[^'"%*%*%*"'$]], ["bash set -x, shell in a shell"] = [[^[$'\]*%*%*%*[\']*$]],
  ["bash %q of JSON"] = [[^\"%*%*%*\"$]], ["command not found"] = "^[$']*%*%*%*'?: .+$", ["coreutils printf"] = [[^["'$\]*%*%*%*["']*$]],
  ["bash @Q"] = [[^[$']*%*%*%*'*$]], ["bash set -x"] = [[^[$'"]*%*%*%*['"]*$]],
  ["bash set -x, assignment"] = [[^[$'"]*%*%*%*['"]*$]], ["env"] = "^%*%*%*$",
}

local JQ <const> = [[
i=0
while read -r line; do
  i=$((i + 1)); s=$(printf %b "$(printf %s "$line" | sed 's/../\\x&/g')")
  put() { printf '%s\0%s\0%s\0' "$1" "$i" "$2"; }
  j() { printf %s "$s" | jq -Rs "$@"; }
  put 'jq' "$(j .)"; put 'jq -a' "$(j -a .)"; put 'jq -r' "$(j -r .)"; put 'jq @json' "$(j -r @json)"
  put 'jq @uri' "$(j -r @uri)"; put 'jq @html' "$(j -r @html)"; put 'jq @sh' "$(j -r @sh)"; put 'jq @base64' "$(j -r @base64)"
  put 'jq @csv' "$(j -r '[.] | @csv')"; put 'jq tojson' "$(j 'tojson' | sed 's/^"\\"//; s/\\""$//')"
  put 'jq object' "$(j -c '{k: .}')"
done
]]

local OPENSSL <const> = [[
i=0
while read -r line; do
  i=$((i + 1)); s=$(printf %b "$(printf %s "$line" | sed 's/../\\x&/g')")
  put() { printf '%s\0%s\0%s\0' "$1" "$i" "$2"; }
  put 'openssl base64 -A' "$(printf %s "$s" | openssl base64 -A)"
  put 'xxd -p' "$(printf %s "$s" | xxd -p -c 0 | tr -d '\n')"
  put 'xxd -u' "$(printf %s "$s" | xxd -p -u -c 0 | tr -d '\n')"
  put 'od -c free hex' "$(printf %s "$s" | od -An -v -tx1 | tr -d ' \n')"
  put 'hexdump -e' "$(printf %s "$s" | hexdump -v -e '/1 "%02x"')"
  [ ${#s} -gt 1024 ] || put 'od \x' "$(printf %s "$s" | od -An -v -tx1 | tr -d '\n' | sed 's/ /\\x/g')"
  [ ${#s} -gt 1024 ] || put 'colons' "$(printf %s "$s" | hexdump -v -e '/1 "%02x:"' | sed 's/:$//')"
  [ ${#s} -gt 1024 ] || put 'base64 twice' "$(printf %s "$s" | base64 -w0 | base64 -w0)"
  [ ${#s} -gt 50 ] || put 'echo base64 twice' "$(echo "$s" | base64 | base64)"
  [ ${#s} -gt 1024 ] || put 'echo base32' "$(echo "$s" | base32 -w0)"
  [ ${#s} -gt 1024 ] || put 'base32' "$(printf %s "$s" | base32 -w0)"
done
]]

return function(class, o)
  class("python3", function(add) judge(add, o, "python3", { "python3", "-c", PYTHON }, python_patterns) end)
  class("node", function(add) judge(add, o, "node", { "node", "-e", NODE }, node_patterns) end)
  class("perl", function(add) judge(add, o, "perl", { "perl", "-e", PERL }, {}) end)
  class("bash", function(add)
    judge(add, o, "bash", { "bash", "-c", BASH }, bash_patterns, { LC_ALL = "C.UTF-8" })
  end)
  class("jq", function(add)
    if there("bash") then judge(add, o, "jq", { "bash", "-c", JQ }, { ["jq object"] = '^{"k":"%*%*%*"}$' }) end
  end)
  class("openssl, xxd, od, hexdump, base64", function(add)
    if there("openssl") and there("xxd") and there("hexdump") then
      judge(add, o, "bash", { "bash", "-c", OPENSSL },
        { ["echo base64 twice"] = "^%*%*%*%w?%w?%w?%w?%w?%w?=*$", ["echo base32"] = "^%*%*%*%w?%w?=*$" })
    end
  end)
end
