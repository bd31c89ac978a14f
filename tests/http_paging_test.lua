---Lists in pages: every style to its end, lazily, and no end that cannot be trusted.
local core = require "core"
local http = require "http"
local json = require "json"
local server = require "server"
local clock = assert(core.load_file("tests/virtual_clock.lua"))()

local function fields_of(query)
  local fields = {}
  for name, value in query:gmatch("([^&=]+)=([^&]*)") do fields[name] = value end
  return fields
end

-- A server whose handler gets the query's fields and returns a document and headers; `seen` has the queries.
local function with_list(handler, body)
  local seen = {}
  server.with(function(request)
    seen[#seen + 1] = request.query
    local document, headers, status = handler(fields_of(request.query), #seen, request)
    return status or 200, type(document) == "string" and document or json.encode(document), headers
  end, function(s) body(s.url .. "/list", seen) end)
end

local function numbers(from, to)
  local list = json.array {}
  for i = from, to do list[#list + 1] = i end
  return list
end

local function collect(o)
  local list = {}
  for item in http.pages(o) do list[#list + 1] = item end
  return list
end

-- ---- Link ---------------------------------------------------------------------------------------

test("links are followed to the end, relative ones and those among others, too", function()
  with_list(function(q, _, request)
    local n = tonumber(q.page or "1")
    local links = {
      ('<https://other.test/>; rel="prev", <http://%s/list?page=2&x=%%2C>; rel="next"; title="a", </list?page=3>; rel="last"')
        :format(request.headers.host),
      '</list?page=3>; rel="last next"', '</list?page=1>; rel=first',
    }
    return numbers(n * 2 - 1, n * 2), { link = links[n] }
  end, function(url, seen)
    equal(collect { url = url, style = "link" }, { 1, 2, 3, 4, 5, 6 })
    equal(seen, { "", "page=2&x=%2C", "page=3" })
  end)
end)

test("a link to another origin is refused, with what came before it seen", function()
  with_list(function() return numbers(1, 1), { link = '<https://elsewhere.test/list?token=1>; rel="next"' } end, function(url, seen)
    local list = {}
    local _, err = try(function()
      for item in http.pages { url = url, style = "link" } do list[#list + 1] = item end
    end)
    equal({ err.code, #seen }, { "http-paging", 1 })
    equal(err.message, ("page 1 of %s: the next page is said to be elsewhere: https://elsewhere.test/list"):format(url))
  end)
end)

-- ---- page and per_page --------------------------------------------------------------------------

test("numbered pages end where the service says how many there are", function()
  with_list(function(q)
    local n = tonumber(q.page)
    return { result = numbers(n * 10, n * 10 + 1), result_info = { page = n, per_page = 2, total_pages = 3 } }
  end, function(url, seen)
    equal(collect { url = url .. "?state=open&page=9#x", style = "page", per_page = 2 }, { 10, 11, 20, 21, 30, 31 })
    equal(seen, { "state=open&page=1&per_page=2", "state=open&page=2&per_page=2", "state=open&page=3&per_page=2" })
  end)
end)

test("the number of pages follows from the number of items", function()
  with_list(function(q)
    return { result = { items = numbers(tonumber(q.page), tonumber(q.page)) }, result_info = { per_page = 1, total_count = 2 } }
  end, function(url, seen)
    equal(collect { url = url, style = "page" }, { 1, 2 })
    equal(#seen, 2)
  end)
end)

test("where nothing is told, a short page is not taken for the last, and an empty one is", function()
  with_list(function(q)
    local pages = { numbers(1, 25), numbers(26, 50), numbers(51, 53), json.array {} }   -- a cap of 25, whatever was asked
    return pages[tonumber(q.page)]
  end, function(url, seen)
    equal(#collect { url = url, style = "page", per_page = 100 }, 53)
    equal(#seen, 4)
  end)
end)

test("a page shorter than the service's own size is the last", function()
  with_list(function(q)
    return { result = q.page == "1" and numbers(1, 2) or numbers(3, 3), result_info = { per_page = 2 } }
  end, function(url, seen)
    equal({ collect { url = url, style = "page" }, #seen }, { { 1, 2, 3 }, 2 })
  end)
end)

test("a service that knows no pages is read once", function()
  with_list(function() return { result = numbers(1, 3) } end, function(url, seen)
    equal({ collect { url = url, style = "page" }, #seen }, { { 1, 2, 3 }, 2 })
  end)
end)

test("the Link header may be all that says whether there is another page", function()
  with_list(function(q)
    return numbers(tonumber(q.page), tonumber(q.page)), q.page == "1" and { link = '</x>; rel="next"' } or nil
  end, function(url, seen)
    equal({ collect { url = url, style = "page", more = "link" }, #seen }, { { 1, 2 }, 2 })
  end)
end)

-- ---- cursors ------------------------------------------------------------------------------------

test("a cursor is followed until it is absent, null or empty, also over an empty page", function()
  for _, last in ipairs { "absent", "null", "empty" } do
    with_list(function(q)
      if q.cursor == "c" then
        return { result = numbers(3, 3), result_info = { cursor = ({ null = json.null, empty = "" })[last] } }
      end
      return q.cursor and { result = json.array {}, result_info = { cursor = "c" } }
        or { result = numbers(1, 2), result_info = { cursor = "b/ä" } }
    end, function(url, seen)
      equal(collect { url = url .. "?limit=2", style = "cursor" }, { 1, 2, 3 })
      equal(seen, { "limit=2", "limit=2&cursor=b%2F%C3%A4", "limit=2&cursor=c" })
    end)
  end
end)

test("the list and the cursor may be anywhere, under any name", function()
  with_list(function(q)
    return { data = { rows = numbers(q.after and 2 or 1, q.after and 2 or 1) }, meta = { { go = not q.after and 7 or nil } } }
  end, function(url, seen)
    equal(collect { url = url, style = "cursor", items = "/data/rows", cursor = "/meta/0/go", param = "after" }, { 1, 2 })
    equal(seen[2], "after=7")
  end)
end)

test("a last page with a cursor ends at an empty page, or at its own cursor", function()
  for _, ending in ipairs { "empty", "own" } do
    with_list(function(q)
      if not q.cursor then return { operations = numbers(1, 2), pagination = { cursor = "a" } } end
      return { operations = ending == "own" and numbers(3, 3) or json.array {}, pagination = { cursor = "a" } }
    end, function(url, seen)
      local list = collect { url = url, style = "cursor", items = "/operations", last = "empty" }
      equal({ ending, #list, #seen }, { ending, ending == "own" and 3 or 2, 2 })
    end)
  end
end)

test("a cursor that comes again is an error, not a list without end", function()
  with_list(function(_, n) return { result = numbers(n, n), result_info = { cursor = n % 2 == 0 and "a" or "b" } } end, function(url, seen)
    local _, err = try(collect, { url = url, style = "cursor" })
    equal({ err.code, #seen }, { "http-paging", 3 })
    equal(err.message:find("page 3 of " .. url .. ": its cursor was there before", 1, true) ~= nil, true)
  end)
end)

-- ---- laziness and bounds ------------------------------------------------------------------------

test("a page is asked for when the one before is used up, and not at all after a break", function()
  with_list(function(q) return numbers(tonumber(q.page) * 10, tonumber(q.page) * 10 + 1), { link = "</x>; rel=next" } end,
    function(url, seen)
      local asked = {}
      for item in http.pages { url = url, style = "page" } do
        asked[#asked + 1] = #seen
        if item == 21 then break end
      end
      equal({ asked, #seen }, { { 1, 1, 2, 2 }, 2 })
      http.pages { url = url, style = "page" }
      equal(#seen, 2)
    end)
end)

test("more pages than were allowed are an error, after the items that were", function()
  with_list(function(_, n) return numbers(n, n), { link = "</x>; rel=next" } end, function(url, seen)
    local list = {}
    local _, err = try(function()
      for item in http.pages { url = url, style = "page", max_pages = 3 } do list[#list + 1] = item end
    end)
    equal({ list, #seen, err.code }, { { 1, 2, 3 }, 3, "http-paging" })
    equal(err.message, ("page 3 of %s: there are more, and 'max_pages' is 3"):format(url))
  end)
end)

test("the walk waits inside a recipe's own coroutine, and beside other walks", function()
  with_list(function(q)
    sleep(0.005)
    return { result = numbers(tonumber(q.page), tonumber(q.page)), result_info = { total_pages = 3 } }
  end, function(url)
    local walk = coroutine.wrap(function()
      for item in http.pages { url = url, style = "page" } do coroutine.yield(item) end
    end)
    equal({ walk(), walk(), walk(), walk() }, { 1, 2, 3 })
    local lists = parallel {
      a = function() return collect { url = url, style = "page" } end, b = function() return collect { url = url, style = "page" } end,
    }
    equal(lists, { a = { 1, 2, 3 }, b = { 1, 2, 3 } })
  end)
end)

test("each item comes with the page that it was in", function()
  with_list(function() return { list = numbers(1, 2), notes = "n" } end, function(url)
    for _, reply in http.pages { url = url, style = "cursor", items = "/list" } do equal(reply.notes, "n") end
  end)
end)

test("every page goes with the options of a request: headers, retries, budgets", function()
  local _ <close> = clock.open()
  with_list(function(q, n, request)
    if n == 2 then return {}, nil, 503 end
    return { result = json.array { request.headers["x-own"] .. q.page }, result_info = { total_pages = 2 } }
  end, function(url, seen)
    equal(collect { url = url, style = "page", headers = { ["x-own"] = "h" }, retry = true }, { "h1", "h2" })
    equal(#seen, 3)
  end)
end)

test("a page that is no page says which one and why", function()
  local function refused(pattern, document, o)
    with_list(function(_, n) return n == 1 and { result = numbers(1, 1), result_info = { cursor = "a" } } or document end,
      function(url)
        o = o or {}
        o.url, o.style = url, "cursor"
        raises(pattern, collect, o)
      end)
  end
  refused("page 2 of .*: it holds no list; the option 'items' is a JSON pointer", { result = { a = 1 } })
  refused("page 2 of .*: it holds no list at '/result'", { other = 1 }, { items = "/result" })
  refused("page 2 of .*: its cursor is no text", { result = json.array {}, result_info = { cursor = { 1 } } })
  refused("no valid JSON", "<html>")
  with_list(function() return {}, nil, 404 end, function(url)
    equal(raises("answered status 404", collect, { url = url, style = "link" }).code, "http-status")
  end)
  with_list(function() return { result = json.null } end, function(url) equal(collect { url = url, style = "page" }, {}) end)
end)

test("what is wrong with the options is said", function()
  raises("option 'style' is required", http.pages, { url = "http://x/" })
  raises("'style' is \"link\", \"page\" or \"cursor\", not 'links'", http.pages, { url = "http://x/", style = "links" })
  raises("'more' is \"link\"", http.pages, { url = "http://x/", style = "page", more = "yes" })
  raises("'last' is \"empty\"", http.pages, { url = "http://x/", style = "cursor", last = "full" })
  raises("are at least 1", http.pages, { url = "http://x/", style = "page", max_pages = 0 })
  raises("option 'url' must be a string", http.pages, { style = "page" })
  local misspelt = raises("http.pages: unknown option 'max_page'", http.pages, { url = "http://x/", style = "page", max_page = 2 })
  equal(misspelt.hint, "did you mean 'max_pages'?")
  raises("expected a table of options", http.pages, "http://x/")
end)
