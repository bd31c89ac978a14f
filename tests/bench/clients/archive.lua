---Davit's side of archive.lua: sha256 FILE · pack FOLDER FILE [SECRETS] · unpack FILE FOLDER
local archive = require "archive.core"
local fs = require "fs"

local what, from, to, secrets = ...

local function know(count)
  local new = require("secret.core").new
  for i = 1, count do
    new("SECRET_" .. i, ("%08x-a-secret-%04d"):format(i * 2654435761 & 0xffffffff, i), { "https://example.com" })
  end
end

if what == "sha256" then
  print(fs.sha256(from))
elseif what == "pack" then
  know(tonumber(secrets or 0))
  print(archive.pack({ root = from, to = to }).sha256)
else
  print(archive.unpack({ from = from, into = to }).sha256)
end
