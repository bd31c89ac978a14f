---What a query may do beside reading: functions that it calls, and changes hidden in it. Pure.
local query = {}

local function set(text)
  local found = {}
  for word in text:gmatch "%S+" do found[word] = true end
  return found
end

-- Words before a bracket that call nothing.
local syntax = set [[in values exists and or not from where select as over filter on using any all some array row case
  when then else returning set by having distinct limit offset group union except intersect join lateral materialized
  default between like ilike is rows cube rollup sets cast extract coalesce nullif greatest least position substring
  overlay trim numeric decimal varchar char character bit varying time timestamp timestamptz float interval precision
  order fetch to with into only ordinality]]

-- The server's own that change nothing.
local harmless = set [[count sum avg min max array_agg string_agg json_agg jsonb_agg json_object_agg jsonb_object_agg
  bool_and bool_or every json_build_object jsonb_build_object json_build_array jsonb_build_array to_json to_jsonb
  row_to_json jsonb_set jsonb_array_elements jsonb_array_elements_text json_array_elements jsonb_each jsonb_each_text
  lower upper initcap length char_length octet_length concat concat_ws replace regexp_replace regexp_matches split_part
  substr left right lpad rpad btrim ltrim rtrim strpos reverse repeat translate md5 sha256 encode decode format
  quote_ident quote_literal to_char to_date to_timestamp to_number date_trunc date_part age now clock_timestamp
  statement_timestamp transaction_timestamp make_date make_interval make_timestamp gen_random_uuid random abs ceil
  ceiling floor round trunc mod power sqrt sign generate_series unnest array_length cardinality array_append
  array_to_string string_to_array row_number rank dense_rank lag lead first_value last_value ntile to_regclass
  to_regtype current_setting pg_typeof version current_database current_schema nextval currval lastval coalesce
  pg_get_serial_sequence obj_description col_description has_table_privilege set_config]]

local function is_sign(token, value) return token ~= nil and token.kind == "sign" and token.value == value end

local function is_word(token, value) return token ~= nil and token.kind == "word" and token.value == value end

-- Where the bracket closes that opens at a token.
local function closing(tokens, at)
  local depth = 0
  for n = at, #tokens do
    depth = depth + (is_sign(tokens[n], "(") and 1 or is_sign(tokens[n], ")") and -1 or 0)
    if depth == 0 then return n end
  end
  return #tokens
end

-- "x (a, b) as (", "as t (a, b)" and "into t (a, b)" name columns.
local function names_columns(tokens, i)
  local first = i
  while is_sign(tokens[first - 1], ".") do first = first - 2 end
  local before = tokens[first - 1]
  if is_word(before, "as") or is_word(before, "into") or is_sign(before, ")") then return true end
  local stop = closing(tokens, i + 1)
  local after = tokens[stop + 2]
  return is_word(tokens[stop + 1], "as")
    and (is_sign(after, "(") or is_word(after, "materialized") or is_word(after, "not"))
end

local function is_call(tokens, i)
  local token = tokens[i]
  if not is_sign(tokens[i + 1], "(") then return false end
  if token.kind ~= "word" and token.kind ~= "quoted" then return false end
  if token.kind == "word" and syntax[token.value] and not is_sign(tokens[i - 1], ".") then return false end
  return not is_sign(tokens[i - 1], "::") and not names_columns(tokens, i)
end

-- A function of the server's own: with no schema, or pg_catalog's.
local function is_harmless(tokens, i)
  local schema = is_sign(tokens[i - 1], ".") and tokens[i - 2]
  if schema and schema.value ~= "pg_catalog" then return false end
  return harmless[tokens[i].value] == true
end

---The first function that is called and may change something.
---@param tokens migrations.Token[]
---@param from? integer
---@return string|nil
function query.unknown_call(tokens, from)
  for i = from or 1, #tokens do
    if is_call(tokens, i) and not is_harmless(tokens, i) then return tokens[i].value end
  end
end

-- Whether a word begins a change of rows: not "for update", "do update", "on delete", "for no key update".
local function begins_change(tokens, i)
  local before = tokens[i - 1]
  if is_word(tokens[i], "update") or is_word(tokens[i], "delete") then
    return before == nil or is_sign(before, "(")
  end
  return (is_word(tokens[i], "insert") or is_word(tokens[i], "merge")) and is_word(tokens[i + 1], "into")
end

---Where changes of rows begin, those in a WITH too.
---@param tokens migrations.Token[]
---@return integer[]
function query.changes(tokens)
  local found = {}
  for i = 1, #tokens do
    local main = is_sign(tokens[i - 1], ")") and (is_word(tokens[i], "update") or is_word(tokens[i], "delete"))
    if begins_change(tokens, i) or main then found[#found + 1] = i end
  end
  return found
end

---Whether it changes the path on which names are looked up.
---@param tokens migrations.Token[]
---@return boolean
function query.sets_path(tokens)
  for i, token in ipairs(tokens) do
    if token.value == "set_config" and is_sign(tokens[i + 1], "(") then return true end
  end
  return false
end

return query
