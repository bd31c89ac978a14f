---A project whose own command carries out its migrations (`kind: command`), through test, preview and production, on the
---local cloud with real PostgreSQL.
local json = require "json"
local productions = assert(require("core").load_file("tests/place_production.lua"))()

local command_test, exits, has = productions.tests(test, skip), productions.exits, productions.has

-- Applies drizzle's folder as drizzle's own migrator does, and says so.
local MIGRATE <const> = [[
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { withDatabase } from "../packages/database/src/index.mjs";

const folder = "packages/database/drizzle";
const { entries } = JSON.parse(readFileSync(`${folder}/meta/_journal.json`, "utf8"));
await withDatabase(process.env.DATABASE_URL, (sql) => sql.begin(async (tx) => {
  await tx`create schema if not exists drizzle`;
  await tx`create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text, created_at bigint)`;
  const [{ last }] = await tx`select coalesce(max(created_at), 0)::text as last from drizzle.__drizzle_migrations`;
  for (const entry of entries.filter((one) => one.when > Number(last))) {
    const text = readFileSync(`${folder}/${entry.tag}.sql`, "utf8");
    await tx.unsafe(text);
    const hash = createHash("sha256").update(text).digest("hex");
    await tx`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${entry.when})`;
    console.log(`the project applied ${entry.tag}`);
  }
}));
]]

local place <close> = not productions.missing() and productions.new() or nil

-- What davit.yaml says of the database from now on.
local function set_database(text)
  place:edit("davit.yaml", function(yaml)
    return (yaml:gsub("\n  main: {[^\n]*", function()
      return "\n  main: { neon: wandering-moon-123456, parent: production, " .. text .. " }"
    end))
  end)
end

local function deploy(...) return place:davit("production", "--local", "--yes", ...) end

local function rows(host) return #json.decode(place:ask(("https://%s.revelations.studio/products"):format(host))).products end

command_test("test and preview have the project's command bring their own branches up to date", function()
  place:write("scripts/migrate.mjs", MIGRATE)
  set_database "migrations: packages/database/drizzle, kind: command, migrate: node scripts/migrate.mjs"
  place:migration("more", "insert into products (slug, title, price_cents, currency, published) "
    .. "values ('more', 'More', 100, 'EUR', true);")
  place:push "command"
  place:event()
  has(exits(0, place:davit("test", "--pr", "42", "--only", "integration", "--local")).errors, "the project applied 0003_more")
  local again = exits(0, place:davit("preview", "--pr", "42", "--local"))
  equal(again.errors:find("the project applied", 1, true), nil)   -- it is the test's branch, and has them
  equal(rows "api-preview-42", 4)
end)

command_test("production plans what the command will do, has it done, and looks whether it was", function()
  place:push "command, in production"
  exits(0, deploy())
  equal(rows "api", 4)
  equal(exits(0, deploy()).errors:find("the project applied", 1, true), nil)   -- nothing is pending, so it is not run
end)

command_test("a command that fails deploys nothing, and what it printed is told", function()
  local before = place:state().workers
  place:migration("broken", "insert into nowhere values (1);")
  place:push "broken"
  local failed = exits(1, deploy())
  has(failed.errors, 'relation "nowhere" does not exist')
  equal(place:state().workers, before)
  place:drop_migration()
end)

command_test("of a command whose files nobody can read, production needs consent", function()
  set_database "kind: command, migrate: node scripts/migrate.mjs"
  place:migration("even", "update products set published = true;")
  place:push "opaque"
  local refused = exits(7, deploy())
  has(refused.errors, "what this command does to the database is not known")
  has(exits(0, deploy "--accept-breaking").errors, "the project applied 0004_even")
end)
