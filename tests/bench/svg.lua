---SVG, as much as the plots need. A picture brings its own background, so that it can be read on any page;
---it is dark where the reader's system is.
local svg = {}

local STYLE <const> = [[
<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px } .small { font-size: 12px; fill: #59636e }
  .page { fill: #ffffff; stroke: #d1d9e0 } .grid { stroke: #e3e8ed } .axis { stroke: #818b98 } .range { stroke: #1f2328 }
  .fill0 { fill: #0969da } .fill1 { fill: #9aa4af } .fill2 { fill: #bc4c00 } .fill3 { fill: #1a7f37 }
  .line0 { stroke: #0969da } .line1 { stroke: #818b98 } .line2 { stroke: #bc4c00 } .line3 { stroke: #1a7f37 }
  .curve { fill: none; stroke-width: 2.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .small { fill: #9198a1 } .page { fill: #0d1117; stroke: #3d444d }
    .grid { stroke: #262c36 } .axis { stroke: #656c76 } .range { stroke: #f0f6fc }
    .fill0 { fill: #4493f8 } .fill1 { fill: #656c76 } .fill2 { fill: #db6d28 } .fill3 { fill: #3fb950 }
    .line0 { stroke: #4493f8 } .line1 { stroke: #9198a1 } .line2 { stroke: #db6d28 } .line3 { stroke: #3fb950 }
  }
</style>]]

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(text)
  return (text:gsub('[&<>"]', escapes))
end

local Picture = {}
Picture.__index = Picture

---@param width integer
---@param height integer
---@param title string  what the picture shows, also for who cannot see it
function svg.new(width, height, title)
  local picture = setmetatable({ parts = {}, width = width, height = height, about = title }, Picture)
  picture:rect("page", 0.5, 0.5, width - 1, height - 1, 6)
  picture:text(16, 26, title, "title")
  return picture
end

function Picture:add(format, ...)
  table.insert(self.parts, format:format(...))
end

function Picture:rect(class, x, y, width, height, radius)
  self:add('<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%d"/>', class, x, y, width, height, radius or 0)
end

function Picture:line(class, x1, y1, x2, y2)
  self:add('<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>', class, x1, y1, x2, y2)
end

---@param anchor? "start"|"middle"|"end"
function Picture:text(x, y, text, class, anchor)
  self:add('<text class="%s" x="%.1f" y="%.1f" text-anchor="%s">%s</text>', class or "", x, y, anchor or "start", escape(text))
end

function Picture:curve(class, points)
  local list = {}
  for i, point in ipairs(points) do list[i] = ("%.1f,%.1f"):format(point[1], point[2]) end
  self:add('<polyline class="curve %s" points="%s"/>', class, table.concat(list, " "))
end

function Picture:dot(class, x, y)
  self:add('<circle class="%s" cx="%.1f" cy="%.1f" r="4"/>', class, x, y)
end

---@return string
function Picture:render()
  local head = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">')
    :format(self.width, self.height, self.width, self.height)
  local title = ("<title>%s</title>"):format(escape(self.about))
  return table.concat({ head, title, STYLE, table.concat(self.parts, "\n"), "</svg>\n" }, "\n")
end

return svg
