---Where other maskers fail: overlaps, prefixes, cuts; what must have left and what must not; several values, and
---values that come later.
local function overlaps(add)
  local cases = {
    { { "hunter2hunter3" }, "hunter2hunter2hunter3", "hunter2***" },
    { { "aaab" }, "aaaaab", "aa***" }, { { "aab1" }, "aaab1", "a***" }, { { "ababc" }, "abababc", "ab***" },
    { { "abcde", "bcd0" }, "abcd0", "a***" }, { { "abcde", "bcdx" }, "abcdx", "a***" },
    { { "abcd", "cdef" }, "abcdef", "***" }, { { "abcd", "cdef", "efgh" }, "xabcdefghx", "x***x" },
    { { "abcdefgh", "cdef" }, "abcdefgh cdef", "*** ***" }, { { "abcdefgh", "cdef" }, "abcdefg", "ab***g" },
    { { "aaaa" }, "aaaaaaaaa", "***" }, { { "abab" }, "ababababa", "***a" }, { { "abab" }, "xababx", "x***x" },
    { { "a***" }, "a*** and ****", "*** and ****" }, { { "****" }, "abc ****", "abc ***" },
    { { "secret", "secretsecret" }, "secretsecretsecret", "***" }, { { "one1", "two2" }, "one1two2", "***" },
    { { "one1", "two2" }, "one1 two2", "*** ***" }, { { "one1" }, "one1one1 one1", "*** ***" },
    { { "prefix-1", "prefix-12" }, "prefix-12", "***" }, { { "prefix-1", "prefix-12" }, "prefix-13", "***3" },
    { { "the-end", "end-it" }, "the-end-it", "***" },
  }
  for i, case in ipairs(cases) do
    add(("%d: %s"):format(i, case[2]), { secrets = case[1], text = case[2], exact = case[3] })
  end
  local a, b = ("a"):rep(254) .. "b", ("a"):rep(200) .. "c"
  for n = 195, 260, 3 do
    for _, last in ipairs { "b", "c", "d" } do
      local enough = last == "b" and n >= 254 or last == "c" and n >= 200
      local left = enough and n - (last == "b" and 254 or 200) or n
      add(("%d a, then %s"):format(n, last), { secrets = { a, b }, text = ("a"):rep(n) .. last .. "!",
        exact = ("a"):rep(left) .. (enough and "***!" or last .. "!") })
    end
  end
end

-- Small alphabets, by a generator of our own so that a failure comes again; the union is found by looking at each place.
local function random_texts(add)
  local state = 20261121
  local function draw(n)
    state = (state * 1103515245 + 12345) & 0x7fffffff
    return (state >> 8) % n + 1
  end
  local function word(len, letters)
    local out = {}
    for i = 1, len do out[i] = ("abc"):sub(1, letters):rep(1):byte(draw(letters)) end
    return string.char(table.unpack(out))
  end
  for round = 1, 200 do
    local list, letters = {}, 1 + draw(2)
    for i = 1, draw(4) do list[i] = word(3 + draw(8), letters) end
    local text, covered, out = word(20 + draw(60), letters), {}, {}
    for _, value in ipairs(list) do
      local from = text:find(value, 1, true)
      while from do
        for at = from, from + #value - 1 do covered[at] = true end
        from = text:find(value, from + 1, true)
      end
    end
    for at = 1, #text do
      if not covered[at] then out[#out + 1] = text:sub(at, at) elseif not covered[at - 1] then out[#out + 1] = "***" end
    end
    add(("round %d: %s"):format(round, table.concat(list, " ")),
      { secrets = list, text = text, exact = table.concat(out) })
  end
end

local TOKEN <const> = "ghp_9fKq2LmZx7RtVb3NcW8sYd5EhJ1uPa6Gk0To"

local function moments(add)
  local function moment(name, feeds, rest, list) add(name, { secrets = list or { TOKEN }, feeds = feeds, rest = rest }) end
  moment("a prompt without a line end", { { "Continue? [y/N] ", "Continue? [y/N] " } })
  moment("a prompt with a colon", { { "Password: ", "Password: " } })
  moment("progress in percent", { { " 10%", " 10%" }, { "\r 50%", "\r 50%" }, { "\r100%", "\r100%" }, { "\n", "\n" } })
  moment("dots", { { ".", "." }, { ".", "." }, { ".", "." } })
  moment("a spinner", { { "\\\b", "\\\b" }, { "|\b", "|\b" }, { "/\b", "/\b" }, { "-\b", "-\b" } })
  moment("a complete line", { { "line one\n", "line one\n" } })
  moment("half a line", { { "half a line, no end!", "half a line, no end!" } })
  moment("a secret leaves at once", { { TOKEN, "***" }, { "!", "!" } })
  moment("before a secret", { { "x=" .. TOKEN:sub(1, 10), "x=" }, { TOKEN:sub(11), "***" } })
  moment("not a secret after all", { { "x=ghp_9f", "x=" }, { "?", "ghp_9f?" } })
  moment("only the end that may begin one", { { "ghp ghp_", "ghp " }, { " ", "ghp_ " } })
  moment("a secret that begins anew", { { "ghp_9fghp_9f", "ghp_9f" }, { TOKEN:sub(7), "***" } })
  moment("the end releases", { { "x=ghp_9fKq2", "x=" } }, "ghp_9fKq2")
  moment("nothing held at the end", { { "all done.\n", "all done.\n" } }, "")
  moment("an empty feed", { { "", "" }, { "a.", "a." }, { "", "" } })
  moment("escape sequences", { { "\27[1;31m", "\27[1;31m" }, { "\27[0m", "\27[0m" } })
  moment("binary", { { "\0\255\0", "\0\255\0" } })
  moment("many secrets do not wait", { { "Enter a value> ", "Enter a value> " } }, "",
    { TOKEN, "another-secret-1", "postgres://u:some-pw-11@h/d", "-----BEGIN KEY-----\nMIIEvgIBADANBgkq\n-----END KEY-----" })
  moment("long secrets hold only what may be theirs", { { ("z"):rep(100) .. "!", ("z"):rep(100) .. "!" } }, "",
    { ("0123456789abcdef"):rep(64) })
  moment("a long secret, part by part", { { "<", "<" }, { ("0123456789"):rep(20), "" }, { "!", ("0123456789"):rep(20) .. "!" } },
    "", { ("0123456789"):rep(24) .. "-end" })
  moment("endless overlap needs no memory", { { ("ab"):rep(5000), "***" } }, "", { "abab" })
  for n = 1, #TOKEN - 1 do
    moment("held after " .. n, { { "<" .. TOKEN:sub(1, n), "<" }, { TOKEN:sub(n + 1), "***" }, { ">", ">" } })
  end
end

return function(class)
  class("overlaps", overlaps)
  class("random texts", random_texts)
  class("moments", moments)
end
