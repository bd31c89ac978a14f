---A page of HTML that stands alone: it asks for nothing, runs nothing, and looks the same wherever it is opened. What
---pages of Davit have in common: the frame, the colours, the escaping.
local mask = require "mask"

local page = {}

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

---@param text any
---@return string  masked, and such that it means itself in HTML, between tags and in quotes
function page.escape(text) return (mask.text(tostring(text)):gsub("[&<>\"']", entities)) end

---Fills a template: every {name} is replaced by the escaped value, every {{name}} by the value as it is.
---@param template string
---@param values table<string, any>
---@return string
function page.fill(template, values)
  local function value(name) return values[name] ~= nil and values[name] or error("no value for " .. name, 3) end
  return (template:gsub("{({?)([%a_]+)}}?", function(raw, name)
    return raw ~= "" and tostring(value(name)) or page.escape(value(name))
  end))
end

local STYLE <const> = [[
:root { color-scheme: light dark; --ink: #1b2430; --dim: #66717f; --paper: #fff; --line: #dde2e8; --tint: #f4f6f8;
  --good: #1a7f4b; --good-tint: #e3f4ea; --bad: #b3261e; --bad-tint: #fbe4e2; --link: #1c5fa8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ee; --dim: #93a0af; --paper: #14191f; --line: #2d3640;
  --tint: #1c232b; --good: #6fd39f; --good-tint: #173526; --bad: #ff9a92; --bad-tint: #45201d; --link: #8fc1ff; } }
body { margin: 0 auto; padding: 1.5rem; max-width: 76rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
a { color: var(--link) } code, pre, .mono { font: 13px/1.5 ui-monospace, monospace }
pre { background: var(--tint); padding: .6rem .8rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere }
.dim { color: var(--dim) } .good { color: var(--good) } .bad { color: var(--bad) }
table { border-collapse: collapse } th { text-align: left; font-weight: 600 }
]]

---@class cli.Page
---@field title string
---@field style string  beside the common one
---@field body string   HTML

---@param p cli.Page
---@return string
function page.document(p)
  return page.fill([[
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{{common}}{{style}}</style>
</head>
<body>
{{body}}
</body>
</html>
]], { title = p.title, common = STYLE, style = p.style, body = p.body })
end

return page
