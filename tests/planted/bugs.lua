---Recipes with one bug each and, beside it, without. `breaks`: the invariant that a rehearsal must name.
---Both are bodies of a recipe's `run`; `scene` is one that runs before it; `leaseless` ones take no lease at
---their beginning.
return {
  -- ---- sent twice ------------------------------------------------------------------------------
  {
    "a POST is sent again blindly", breaks = "twice",
    wrong = [[ run.step("comment", function()
        return try(comment, "hello") or comment "hello"
      end, function() remove_text "hello" end) ]],
    right = [[ run.ensure(the_comment "hello") ]],
  },
  {
    "what was made is looked for in a list that does not show it yet, and made again", breaks = "twice",
    wrong = [[ run.step("comment", function()
        if not find "hello" then comment "hello" end
        if not find "hello" then comment "hello" end
      end, function() sleep(10) remove_text "hello" remove_text "hello" end) ]],
    right = [[ run.ensure(the_comment "hello") ]],
  },
  -- ---- there twice -----------------------------------------------------------------------------
  {
    "a comment is posted without a look for the one that is there", breaks = "left over",
    wrong = [[ run.ensure(the_comment("hello", { find = function() end })) ]],
    right = [[ run.ensure(the_comment "hello") ]],
  },
  {
    "only the first page of a list is read", breaks = "left over",
    scene = [[ for i = 1, 35 do run.step("comment " .. i, function() return comment("old " .. i) end) end ]],
    wrong = [[ run.ensure(the_comment("hello", { find = function()
        for _, c in ipairs(github("GET", "/issues/42/comments")) do
          if c.body == "hello" then return c.id end
        end
      end })) ]],
    right = [[ run.ensure(the_comment "hello") ]],
  },
  {
    "the time stands in a name", breaks = "left over",
    wrong = [[ local name = "deployed in minute " .. require "core".now() // 60
      run.ensure(the_comment(name)) ]],
    right = [[ run.ensure(the_comment "deployed") ]],
  },
  {
    "chance stands in a name that nobody has written down", breaks = "left over",
    wrong = [[ local name
      run.ensure { "comment", find = function() return name and find(name) end,
        create = function()
          name = "hello " .. math.random(1, 1 << 40)
          return comment(name)
        end, destroy = function() if name then remove_text(name) end end } ]],
    right = [[ run.ensure(the_comment "hello") ]],
  },
  {
    "an effect stands outside of every step", breaks = "left over",
    wrong = [[ comment "hello"
      run.step("look", function() return find "hello" ~= nil end) ]],
    right = [[ run.ensure(the_comment "hello")
      run.step("look", function() return find "hello" ~= nil end) ]],
  },
  {
    "an answer that cannot be read is taken for an empty list", breaks = "left over",
    scene = [[ run.step("comment", function() return comment "hello" end) ]],
    wrong = [[ run.ensure(the_comment("hello", { find = function()
        local answer = send(REPOSITORY, github_token(), "GET", "/issues/42/comments")
        for _, c in ipairs(try(json.decode, answer.body) or {}) do
          if type(c) == "table" and c.body == "hello" then return c.id end
        end
      end })) ]],
    right = [[ run.ensure(the_comment "hello") ]],
  },
  {
    "a refusal is taken for 'not there'", breaks = "left over",
    scene = [[ run.step("comment", function() return comment "hello" end) ]],
    wrong = [[ run.ensure(the_comment("hello", { find = function()
        local answer = send(REPOSITORY, github_token(), "GET", "/issues/42/comments")
        if answer.status >= 400 then return nil end
        for _, c in ipairs(good(answer)) do
          if c.body == "hello" then return c.id end
        end
      end })) ]],
    right = [[ run.ensure(the_comment "hello") ]],
  },
  {
    "rows are inserted again by whoever resumes", breaks = "left over",
    scene = [[ run.ensure(the_branch "pr-42") ]],
    wrong = [[ run.step("seed", function()
        local s <close> = connect(branch "pr-42".id)
        s:query "create table if not exists seeds (name text)"
        s:query "insert into seeds (name) values ('a')"
      end) ]],
    right = [[ run.step("seed", function()
        local s <close> = connect(branch "pr-42".id)
        s:query "begin"
        s:query "create table if not exists seeds (name text)"
        if #s:query("select name from seeds").rows == 0 then s:query "insert into seeds (name) values ('a')" end
        s:query "commit"
      end) ]],
  },
  -- ---- not taken back --------------------------------------------------------------------------
  {
    "an undo is registered after the create", breaks = "left over",
    wrong = [[ run.step("create", function() return comment "hello" end)
      run.step("remember", function() return true end, function() remove_text "hello" end) ]],
    right = [[ run.step("create", function() return find "hello" or comment "hello" end,
        function() remove_text "hello" end) ]],
  },
  {
    "an undo does nothing", breaks = "left over",
    wrong = [[ run.step("create", function() return find "hello" or comment "hello" end, function() end) ]],
    right = [[ run.step("create", function() return find "hello" or comment "hello" end,
        function() remove_text "hello" end) ]],
  },
  {
    "an undo needs the result of a step that never told it", breaks = "exit code",
    wrong = [[ run.step("create", function() return find "hello" or comment "hello" end,
        function(id) github("DELETE", "/issues/comments/" .. id) end) ]],
    right = [[ run.step("create", function() return find "hello" or comment "hello" end,
        function() remove_text "hello" end) ]],
  },
  {
    "a deployment says that it succeeded before anybody has looked", breaks = "left over",
    wrong = [[ run.step("deployment", function()
        local id = github("POST", "/deployments", { ref = "main", environment = "toy", auto_merge = false,
          required_contexts = json.array {} }).id
        github("POST", ("/deployments/%d/statuses"):format(id), { state = "success" })
      end)
      run.ensure(the_comment "hello") ]],
    right = [[ run.ensure(the_comment "hello") ]],
  },
  {
    "a delete whose reply was lost is believed to have failed for good", breaks = "exit code",
    wrong = [[ run.step("create", function() return find "hello" or comment "hello" end,
        function()
          local id = find "hello"
          if not id then failure { code = "gone", message = "there is no comment to remove" } end
          remove(id)
        end) ]],
    right = [[ run.step("create", function() return find "hello" or comment "hello" end,
        function() remove_text "hello" end) ]],
  },
  -- ---- left out --------------------------------------------------------------------------------
  {
    "errors are caught, and the run goes on", breaks = "missing",
    wrong = [[ try(function() run.ensure(the_comment "hello") end) ]],
    right = [[ run.ensure(the_comment "hello") ]],
  },
  {
    "a service that is busy is taken for one that has done it", breaks = "missing",
    wrong = [[ run.step("branch", function()
        local answer = send(PROJECT, neon_key(), "POST", "/branches", { branch = { name = "pr-42" } })
        if answer.status ~= 423 then good(answer) end
      end, function() local b = branch "pr-42" if b then neon("DELETE", "/branches/" .. b.id) end end) ]],
    right = [[ run.ensure(the_branch "pr-42") ]],
  },
  -- ---- said wrongly ----------------------------------------------------------------------------
  {
    "a cleanup stops at the first error", breaks = "untrue",
    scene = [[ for _, name in ipairs { "one-42", "two-42" } do run.ensure(the_record(name)) end ]],
    wrong = [[ run.step("one", function() remove_record "one-42" end)
      run.step("two", function() remove_record "two-42" end) ]],
    right = [[ try(run.parallel, { all = true,
        one = function() run.step("one", function() remove_record "one-42" end) end,
        two = function() run.step("two", function() remove_record "two-42" end) end })
      run.step("look", function()
        local left = try(function() return record "one-42" or record "two-42" or false end)
        if left ~= false then failure { code = "left-behind", message = "something is or may be there" } end
      end) ]],
  },
  {
    "any answer of a Worker is taken for health", breaks = "untrue",
    wrong = [[ deploy(run, "2")
      run.step("health", function()
        health.wait { url = ("https://%s/health"):format(HOST), expect = { status = "200-599" } }
      end) ]],
    right = [[ deploy(run, "2")
      run.step("health", function()
        health.wait { url = ("https://%s/health"):format(HOST), expect = { json = { ["/version"] = "2" } } }
      end) ]],
  },
  {
    "a stale version is taken for the new one", breaks = "untrue",
    wrong = [[ deploy(run, "2")
      run.step("health", function() health.wait { url = ("https://%s/health"):format(HOST) } end) ]],
    right = [[ deploy(run, "2")
      run.step("health", function()
        health.wait { url = ("https://%s/health"):format(HOST), expect = { json = { ["/version"] = "2" } } }
      end) ]],
  },
  {
    "a Worker that never gets healthy is told as a success", breaks = "untrue",
    wrong = [[ deploy(run, "2")
      try(function()
        run.step("health", function()
          health.wait { url = ("https://%s/health"):format(HOST), expect = { json = { ["/version"] = "2" } } }
        end)
      end) ]],
    right = [[ deploy(run, "2")
      run.step("health", function()
        health.wait { url = ("https://%s/health"):format(HOST), expect = { json = { ["/version"] = "2" } } }
      end) ]],
  },
  -- ---- asked -----------------------------------------------------------------------------------
  {
    "a database is migrated before anybody is asked, and stays so when the answer is no", breaks = "left over",
    scene = [[ run.ensure(the_branch "pr-42") ]],
    wrong = [[ run.step("migrate", function()
        local s <close> = connect(branch "pr-42".id)
        s:query "create table if not exists seeds (name text)"
      end)
      run.approve "Keep it?" ]],
    right = [[ run.approve "Migrate?"
      run.step("migrate", function()
        local s <close> = connect(branch "pr-42".id)
        s:query "create table if not exists seeds (name text)"
      end) ]],
  },
  {
    "a no is caught, and the run goes on", breaks = "unapproved",
    wrong = [[ try(run.approve, "Comment?")
      run.ensure(the_comment "hello") ]],
    right = [[ run.approve "Comment?"
      run.ensure(the_comment "hello") ]],
  },
  {
    "what is asked is another question each time, and no answer fits", breaks = "exit code",
    wrong = [[ run.approve { "Comment?", plan = { minute = require "core".now() // 60 } }
      run.ensure(the_comment "hello") ]],
    right = [[ run.approve { "Comment?", plan = { issue = 42 } }
      run.ensure(the_comment "hello") ]],
  },
  -- ---- somebody else's -------------------------------------------------------------------------
  {
    "a preview migrates production", breaks = "touched",
    wrong = [[ run.ensure(the_branch "pr-42")
      run.step("migrate", function()
        local s <close> = connect(branch "production".id)
        s:query "create table if not exists seeds (name text)"
      end) ]],
    right = [[ local id = run.ensure(the_branch "pr-42")
      run.step("migrate", function()
        local s <close> = connect(id)
        s:query "create table if not exists seeds (name text)"
      end) ]],
  },
  {
    "a cleanup takes a name for another that begins with it", breaks = "touched",
    scene = [[ for _, name in ipairs { "pr-42", "pr-420" } do run.ensure(the_record(name)) end ]],
    wrong = [[ run.step("remove", function()
        for _, r in ipairs(records()) do
          if r.name:find "^pr%-42" then zone("DELETE", "/dns_records/" .. r.id) end
        end
      end) ]],
    right = [[ run.step("remove", function() remove_record "pr-42" end) ]],
  },
  {
    "what somebody else has is taken over", breaks = "touched",
    scene = [[ run.ensure(the_record "www") ]],
    wrong = [[ run.step("record", function()
        local r = record "www"
        zone("PUT", "/dns_records/" .. r.id, { type = "TXT", name = "www", content = "ours" })
      end) ]],
    right = [[ run.ensure(the_record "pr-42") ]],
  },
  {
    "a fresh start removes what was there", breaks = "touched",
    scene = [[ run.ensure(the_record "other") ]],
    wrong = [[ run.step("fresh", function()
        for _, r in ipairs(records()) do zone("DELETE", "/dns_records/" .. r.id) end
      end)
      run.ensure(the_record "pr-42") ]],
    right = [[ run.ensure(the_record "pr-42") ]],
  },
  -- ---- secrets ---------------------------------------------------------------------------------
  {
    "a secret stands in a URL", breaks = "refused",
    wrong = [[ run.step("ask", function()
        http.request { url = REPOSITORY .. "?access_token=" .. github_token() }
      end) ]],
    right = [[ run.step("ask", function() return github("GET", "").id ~= nil end) ]],
  },
  {
    "a secret stands in a comment", breaks = "secret",
    wrong = [[ run.step("tell", function() github("POST", "/issues/42/comments", { body = "the token is " .. github_token() }) end,
        function() for _, c in ipairs(comments()) do remove(c.id) end end) ]],
    right = [[ run.ensure(the_comment "the token is safe") ]],
  },
  -- ---- leases, and time ------------------------------------------------------------------------
  {
    "a lease is given back before the last effect", breaks = "left over", leaseless = true,
    wrong = [[ do local _ <close> = run.lease("toy/42", { supersede = true }) end
      run.step("comment", function() return find "hello" or comment "hello" end, function() remove_text "hello" end)
      run.step("record", function() return add_record "pr-42" end, function() remove_record "pr-42" end) ]],
    right = [[ local _ <close> = begin(run)
      run.ensure(the_comment "hello")
      run.ensure(the_record "pr-42") ]],
  },
  {
    "a Worker is waited for without an end", breaks = "too long",
    wrong = [[ deploy(run, "2")
      run.step("health", function()
        repeat
          sleep(600)
          local answer = try(http.request, { url = ("https://%s/health"):format(HOST) })
        until answer and answer.status == 200 or false
      end) ]],
    right = [[ deploy(run, "2")
      run.step("health", function()
        health.wait { url = ("https://%s/health"):format(HOST), expect = { json = { ["/version"] = "2" } } }
      end) ]],
  },
}
