---What a column that is added asks of the rows that are there. Pure.

local column = {}

local function set(text)
  local found = {}
  for word in text:gmatch "%S+" do found[word] = true end
  return found
end

local serial = set "serial bigserial smallserial serial2 serial4 serial8"

-- What ends the expression of a default.
local constraint_words = set [[constraint not null check unique primary references generated collate deferrable
  initially storage compression]]

-- The same for all rows of a statement, so that the server need not write each row.
local stable = set [[now statement_timestamp transaction_timestamp current_setting lower upper md5 length to_timestamp
  to_date make_date make_interval make_timestamp date_trunc jsonb_build_object jsonb_build_array json_build_object
  json_build_array to_json to_jsonb concat round abs]]

local function is_stable(tokens)
  for i, token in ipairs(tokens) do
    local following = tokens[i + 1]
    local called = following and following.kind == "sign" and following.value == "("
    if token.kind == "quoted" and called then return false end
    local type_or_syntax = i > 1 and tokens[i - 1].value == "::" or token.value == "array" or token.value == "cast"
      or token.value == "coalesce"
    if token.kind == "word" and called and not type_or_syntax and not stable[token.value] then return false end
    if token.kind == "word" and token.value == "nextval" then return false end
  end
  return true
end

---Cuts the definition into what it says: a default, and which constraints.
local function read(reader)
  local said = { type = reader:peek() and reader:peek().value }
  while not reader:done() do
    if reader:accept "default" then
      local default = { reader:peek() }
      reader.at = reader.at + 1
      while not reader:done() and not (reader:peek().kind == "word" and constraint_words[reader:peek().value]) do
        default[#default + 1] = reader:peek()
        reader.at = reader.at + 1
      end
      said.default = default
    elseif reader:accept("not", "null") then said.not_null = true
    elseif reader:accept "check" then said.check = true
    elseif reader:accept "unique" then said.unique = true
    elseif reader:accept("primary", "key") then said.unique, said.not_null = true, true
    elseif reader:accept "references" then said.references = true
    elseif reader:accept "generated" then
      said.identity = reader:find("as", "identity") ~= nil
      said.stored = reader:find "stored" ~= nil
    elseif not reader:brackets() then
      reader.at = reader.at + 1
    end
  end
  local only = said.default and #said.default == 1 and said.default[1]
  if only and only.kind == "word" and only.value == "null" then said.default = nil end
  return said
end

---@param name string
---@param reader migrations.Reader  at the column's type
---@return string|nil reason  why it breaks who uses the table
function column.added(name, reader)
  local said = read(reader)
  if said.identity or serial[said.type] then
    return ("the new column %s numbers all rows: the table is written anew, and locked until that is done"):format(name)
  end
  if said.stored then
    return ("the new column %s is computed for all rows: the table is written anew, and locked until that is done")
      :format(name)
  end
  if said.unique then return ("builds the index of the new column %s while nobody can write"):format(name) end
  if said.not_null and not said.default then
    return ("the new column %s is NOT NULL without a default: it fails where rows are, and inserts without it fail")
      :format(name)
  end
  if said.check then return ("all rows are checked for the new column %s while the table is locked"):format(name) end
  if said.default and not is_stable(said.default) then
    return ("the default of the new column %s is another for each row: the table is written anew, and locked until "
      .. "that is done"):format(name)
  end
  if said.default and said.references then
    return ("all rows are checked for what the new column %s refers to, while the table is locked"):format(name)
  end
end

return column
