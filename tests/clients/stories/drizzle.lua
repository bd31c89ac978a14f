---drizzle-kit as a project uses it: migrations made from a schema, carried out on a branch, looked for in the database.
local about = ...
local on, contains = about.on, about.contains
local cloud = about.cloud
local fs = require "fs"
local process = require "process"

local CONFIG = [[
export default { dialect: "postgresql", schema: "./schema.ts", out: "./drizzle", dbCredentials: { url: process.env.URL } };
]]

local TABLE = [[
import { integer, pgTable, text } from "drizzle-orm/pg-core";
export const books = pgTable("books", { id: integer("id").primaryKey(), title: text("title")%s });
]]

-- A folder with drizzle-kit's configuration and the npm parts at hand.
local function project(p)
  local folder = p.folder .. "/drizzle"
  fs.make(folder)
  process.run { argv = { "ln", "-sfn", cloud.parts, folder .. "/node_modules" } }
  fs.write(folder .. "/drizzle.config.ts", CONFIG)
  fs.write(folder .. "/package.json", "{}")
  return folder
end

local function kit(p, folder, uri, ...)
  local ended = process.run { argv = { cloud.node, cloud.parts .. "/drizzle-kit/bin.cjs", ... }, cwd = folder, check = false,
    env = p:environment { URL = uri }, timeout = 240 }
  return ended.exit, ended.output .. ended.errors
end

local function works(p, folder, uri, ...)
  local exit, text = kit(p, folder, uri, ...)
  if exit ~= 0 then error(("drizzle-kit %s: exit code %s: %s"):format(..., exit, text), 2) end
end

local COLUMNS <const> = "select string_agg(column_name, ',' order by ordinal_position) from information_schema.columns "
  .. "where table_name = 'books'"

on("drivers", "drizzle-kit makes migrations and carries them out on a branch, each once", function(p)
  p:given "migrated"
  local uri, folder = p:uri "migrated", project(p)
  fs.write(folder .. "/schema.ts", TABLE:format "")
  works(p, folder, uri, "generate")
  works(p, folder, uri, "migrate")
  equal(p:query(uri, COLUMNS), "id,title")
  fs.write(folder .. "/schema.ts", TABLE:format ', author: text("author")')
  works(p, folder, uri, "generate")
  p:suspend "migrated"
  works(p, folder, uri, "migrate")
  works(p, folder, uri, "migrate")
  equal({ p:query(uri, COLUMNS), p:query(uri, "select count(*) from drizzle.__drizzle_migrations") },
    { "id,title,author", "2" })
  equal(p:query(p:uri "production", "select to_regclass('books') is null"), "t")
  -- a child of it has them already
  p:given("child", { parent_id = p:branch("migrated").id })
  works(p, folder, p:uri "child", "migrate")
  equal(p:query(p:uri "child", "select count(*) from drizzle.__drizzle_migrations"), "2")
end)

on("drivers", "drizzle-kit says nothing of what went wrong, and fails", function(p)
  p:given "broken"
  local uri, folder = p:uri "broken", project(p)
  p:query(uri, "create table books (id int)")
  fs.write(folder .. "/schema.ts", TABLE:format "")
  works(p, folder, uri, "generate")
  local exit, text = kit(p, folder, uri, "migrate")
  equal({ exit, text:find("already exists", 1, true) }, { 1, nil })
  contains(p:query(uri, COLUMNS), "id")
end)
