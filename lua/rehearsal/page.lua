---A rehearsal as a page of HTML: the verdict, the table of effects and faults, and behind every cell its schedules;
---of those that failed the story and the events. Nothing runs in it: what is shown is chosen by the address (:target).
local alike = require "rehearsal.alike"
local claims = require "rehearsal.claims"
local crosstab = require "rehearsal.crosstab"
local events = require "rehearsal.events"
local explore = require "rehearsal.explore"
local grid = require "rehearsal.grid"
local html = require "cli.page"
local matrix = require "rehearsal.matrix"
local report = require "rehearsal.report"
local story = require "rehearsal.story"
local words = require "rehearsal.words"

local page = {}

local escape, fill = html.escape, html.fill

local STYLE <const> = [[
.verdict { font-size: 1.15rem; font-weight: 600; margin: .3rem 0 1rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1rem } dt { color: var(--dim) } dd { margin: 0 }
.wide { overflow-x: auto } .matrix { width: 100% }
.matrix td, .matrix th { padding: .15rem .5rem; border-bottom: 1px solid var(--line) }
.matrix thead th, .matrix td { text-align: right } .matrix tbody th { font-weight: 400 }
.matrix .area th { padding-top: .8rem; color: var(--dim); border: 0 }
.matrix td a { display: block; color: inherit; text-decoration: none }
.matrix .held { background: var(--good-tint); color: var(--good) }
.matrix .failed { background: var(--bad-tint); color: var(--bad); font-weight: 600 }
.matrix .merged, .matrix .untried { color: var(--dim) }
.panel { display: none; position: fixed; inset: 0 0 0 auto; width: min(58rem, 100%); box-sizing: border-box;
  padding: 1.2rem; overflow: auto; background: var(--paper); border-left: 1px solid var(--line);
  box-shadow: 0 0 3rem rgb(0 0 0 / .3) }
.panel:target { display: block } .panel h2 { margin-top: 0; overflow-wrap: anywhere }
.close { float: right; font-size: 1.4rem; line-height: 1; text-decoration: none }
.events { width: 100% } .events td { padding: 0 .6rem 0 0; vertical-align: top; overflow-wrap: anywhere }
.events td:first-child { text-align: right; color: var(--dim); white-space: nowrap } .events .kind { color: var(--dim) }
.events .fault, .events .again { background: var(--tint); font-weight: 600 } .events .fault td { color: var(--bad) }
h3 { font-size: .95rem; margin: 1rem 0 .2rem } ul { padding-left: 1.2rem; margin: .2rem 0 }
]]

local function gather(list, f)
  local parts = {}
  for i, one in ipairs(list) do parts[i] = f(one, i) end
  return table.concat(parts, "\n")
end

-- ---- events --------------------------------------------------------------------------------------

local function event_row(event)
  local bad = event.bad and event.kind ~= "fault" and " bad" or ""
  local own = event.kind == "fault" or event.kind == "again" or event.kind == "other"
  return ('<tr class="%s%s"><td>%.3f</td><td class="kind">%s</td><td>%s</td></tr>'):format(event.kind, bad, event.at,
    own and "" or event.kind, escape(event.kind == "fault" and story.line(event) or event.text))
end

local function event_table(list)
  return ('<table class="events mono">\n%s\n</table>'):format(gather(list, event_row))
end

---@param back? string  where it leads when it is closed
local function panel(id, title, body, back)
  return fill([[<section class="panel" id="{id}"><a class="close" href="#{back}" title="close">×</a>
<h2>{title}</h2>
{{body}}
</section>]], { id = id, title = title, body = body, back = back or "matrix" })
end

-- ---- schedules that failed -----------------------------------------------------------------------

local BEFORE <const> = 12

local function list_of(name, items)
  if #items == 0 then return "" end
  return ("<h3>%s</h3>\n<ul>\n%s\n</ul>"):format(name, gather(items, function(item) return "<li>" .. escape(item) end))
end

local function broken_list(s)
  local items = {}
  for _, one in ipairs(s.broke) do
    items[#items + 1] = ("%s: %s"):format(one.what, one.meaning)
    table.move(one.lines, 1, #one.lines, #items + 1, items)
  end
  return list_of("What broke", items)
end

local function happened(s)
  if #s.after == 0 then return '<p class="dim">Its events are not kept here: replay it to see them.</p>' end
  local from = math.max(1, #s.before - BEFORE + 1)
  local earlier = from > 1 and fill(
    '<p class="dim">{count} events before these are those of the <a href="#undisturbed">undisturbed run</a>.</p>',
    { count = from - 1 }) or ""
  local shown = table.move(s.before, from, #s.before, 1, {})
  return "<h3>What happened</h3>\n" .. earlier .. event_table(table.move(s.after, 1, #s.after, #shown + 1, shown))
end

local function failure_panel(c, packet)
  local log, common = explore.log(c.result, packet.schedule)
  local s = story.of(packet, log, common, c.result.effects)
  local body = { broken_list(s), list_of("What is left or missing", s.left), list_of("How it ended", s.ended),
    happened(s) }
  if packet.schedule ~= "undisturbed" then
    body[#body + 1] = ("<h3>Again</h3>\n<pre>%s</pre>"):format(escape(report.again(c.command, c.o, packet.schedule)))
  end
  local back = #words.terms(packet.schedule) > 1 and "pairs" or nil
  return panel("s-" .. packet.schedule, packet.schedule, table.concat(body, "\n"), back)
end

local function failure_item(group)
  local packet, others = group[1], alike.others(group)
  return fill('<li><a href="#s-{id}"><code>{id}</code></a> <span class="bad">{what}</span>: {line}{others}', {
    id = packet.schedule, what = packet.problems[1].what, line = story.clip(packet.problems[1].line, 160),
    others = others ~= "" and "; alike: " .. others or "" })
end

local function failures(c)
  if #c.result.failed == 0 then return "" end
  return ("<h2>What failed</h2>\n<ul>\n%s\n</ul>"):format(gather(alike.groups(c.result.failed), failure_item))
end

-- ---- the table -----------------------------------------------------------------------------------

local function class_of(cell)
  if cell.failed > 0 then return "failed" end
  if cell.held > 0 then return "held" end
  return cell.merged > 0 and "merged" or "untried"
end

local function cell_html(cell, id)
  if not cell then return "<td></td>" end
  return fill('<td class="{class}"><a href="#{id}">{text}</a></td>',
    { class = class_of(cell), id = id, text = grid.cell(cell) })
end

-- The letter tells the cells of one table from those of the other.
local function row_html(m, letter, row, i)
  local cells = gather(m.columns, function(column)
    return cell_html(row.cells[column], ("%s-%d-%s"):format(letter, i, column))
  end)
  return fill('<tr><th class="mono">{name}{times}</th>{{cells}}</tr>', { name = row.name,
    times = row.points > 1 and " ×" .. row.points or "", cells = cells })
end

local function matrix_html(m, letter)
  local head = gather(m.columns, function(column)
    return fill('<th title="{legend}">{column}</th>', { column = column, legend = words.legend[column] })
  end)
  local lines, area, span = {}, nil, #m.columns + 1
  for i, row in ipairs(m.rows) do
    if row.area ~= area then
      area = row.area
      lines[#lines + 1] = fill('<tr class="area"><th colspan="{span}">{area}</th></tr>', { span = span, area = area })
    end
    lines[#lines + 1] = row_html(m, letter, row, i)
  end
  return fill([[<div class="wide"><table class="matrix"><thead><tr><th></th>{{head}}</tr></thead>
<tbody>
{{lines}}
</tbody></table></div>]], { head = head, lines = table.concat(lines, "\n") })
end

local states = { held = "held", failed = "failed", merged = "the same as another", untried = "not tried" }

local function schedule_item(one)
  local term = words.terms(one.id)[1]
  local values = { id = one.id, state = states[one.state], class = one.state == "failed" and "bad" or "dim",
    meaning = select(2, words.of(term.kind, term.fault)) }
  values.name = fill(one.state == "failed" and '<a href="#s-{id}"><code>{id}</code></a>' or "<code>{id}</code>", values)
  return fill('<li>{{name}} <span class="{class}">{state}</span>: {meaning}', values)
end

local function cell_panel(row, i, column)
  local list = ("<ul>\n%s\n</ul>"):format(gather(row.cells[column].ids, schedule_item))
  return panel(("c-%d-%s"):format(i, column), ("%s: %s"):format(row.name, words.legend[column]),
    '<p>What holds goes as the <a href="#undisturbed">undisturbed run</a>, or takes everything back.</p>\n' .. list)
end

local function cell_panels(m)
  local parts = {}
  for i, row in ipairs(m.rows) do
    for _, column in ipairs(m.columns) do
      if row.cells[column] then parts[#parts + 1] = cell_panel(row, i, column) end
    end
  end
  return table.concat(parts, "\n")
end

-- ---- pairs ---------------------------------------------------------------------------------------

local PAIRS <const> = [[
<h2 id="pairs">Pairs</h2>
<p class="dim">How many schedules held in which two things go wrong, by what went wrong first (down) and what went wrong
then (across); ✗ failed. Each cell leads to its schedules.</p>
{{matrix}}]]

local function pairs_html(m)
  return m and fill(PAIRS, { matrix = matrix_html(m, "p") }) or ""
end

local function meanings(id)
  local parts = {}
  for i, term in ipairs(words.terms(id)) do parts[i] = select(2, words.of(term.kind, term.fault)) end
  return table.concat(parts, ", then ")
end

local function pair_item(c, one)
  local told = crosstab.story_of(c.result, one.id)
  local enough = told ~= one.id and (", of which %s is enough"):format(told) or ""
  return fill('<li><a href="#s-{told}"><code>{id}</code></a> <span class="bad">failed</span>: {meaning}{enough}',
    { told = told, id = one.id, meaning = meanings(one.id), enough = enough })
end

local MOST_HELD <const> = 20   -- of those that held a few are named

local function pair_items(c, cell)
  local items, held = {}, {}
  for _, one in ipairs(cell.ids) do
    if one.state == "failed" then items[#items + 1] = pair_item(c, one) else held[#held + 1] = one.id end
  end
  for i = 1, math.min(#held, MOST_HELD) do
    items[#items + 1] = fill("<li><code>{id}</code> <span class=\"dim\">held</span>: {meaning}",
      { id = held[i], meaning = meanings(held[i]) })
  end
  if #held > MOST_HELD then items[#items + 1] = ("<li>… and %d more that held"):format(#held - MOST_HELD) end
  return table.concat(items, "\n")
end

local function pair_panels(c)
  local parts = {}
  for i, row in ipairs(c.pairs and c.pairs.rows or {}) do
    for column, cell in pairs(row.cells) do
      parts[#parts + 1] = panel(("p-%d-%s"):format(i, column),
        ("First: %s. Then: %s"):format(words.legend[row.name], words.legend[column]),
        ("<ul>\n%s\n</ul>"):format(pair_items(c, cell)), "pairs")
    end
  end
  return table.concat(parts, "\n")
end

-- ---- all -----------------------------------------------------------------------------------------

local TEMPLATE <const> = [[
<h1>Rehearsal of {recipe}</h1>
<p class="verdict {class}">{verdict}</p>
<pre>{command}</pre>
<dl><dt>proven<dd>{proven}<dt>not tried<dd>{untried}<dt>assumed<dd>{assumed}</dl>
{{failures}}
<h2 id="matrix">Effects and faults</h2>
<p class="dim">How many schedules held; ✗ failed, = the same as others, · not tried. Each cell leads to its schedules,
and <a href="#undisturbed">here is the undisturbed run</a>.</p>
{{matrix}}
{{pairs}}
{{panels}}]]

local function verdict(result)
  if (result.failed[1] or {}).schedule == "undisturbed" then return "The undisturbed run does not hold" end
  if #result.failed > 0 then return ("%d of %d schedules failed"):format(#result.failed, result.schedules) end
  return ("All of %d schedules hold, and %d more that are the same as others"):format(result.schedules, result.merged)
end

local function panels(c)
  local undisturbed = explore.log(c.result, "undisturbed")
  return table.concat({
    panel("undisturbed", "The undisturbed run", event_table(events.read(undisturbed))),
    cell_panels(c.matrix), pair_panels(c),
    gather(c.result.failed, function(packet) return failure_panel(c, packet) end),
  }, "\n")
end

---@param result rehearsal.Result
---@param command string  that holds this rehearsal
---@param o rehearsal.Options
---@return string
function page.of(result, command, o)
  local c = { result = result, command = command, o = o, matrix = matrix.of(result, o),
    pairs = crosstab.of(result) }
  local proven, untried, assumed = claims.of(result, c.matrix, o)
  return html.document { title = "Rehearsal of " .. o.recipe, style = STYLE, body = fill(TEMPLATE, {
    recipe = o.recipe, class = #result.failed == 0 and "good" or "bad", verdict = verdict(result), command = command,
    proven = proven, untried = untried, assumed = assumed, failures = failures(c),
    matrix = matrix_html(c.matrix, "c"), pairs = pairs_html(c.pairs), panels = panels(c),
  }) }
end

return page
