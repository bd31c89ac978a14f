---What is secret because of what it is a part of: passwords in URLs and connection strings, strings of JSON,
---values of .env files. And what stands beside them and must stay.
local function urls(add)
  local cases = {
    { "postgresql://owner:s3cr%40t-Pa55@ep-1.neon.tech/main?sslmode=require", { "s3cr%40t-Pa55", "s3cr@t-Pa55" },
      { "owner", "ep-1.neon.tech", "main", "sslmode=require", "postgresql://" } },
    { "postgres://app:plain-word-9@db:5432/app_db", { "plain-word-9" }, { "app", "app_db", "5432" } },
    { "redis://:red1s-pa55w@cache.internal:6379/0", { "red1s-pa55w" }, { "cache.internal", "6379" } },
    { "https://x-access-token:ghs_16C7e42F292c6912E7710c838347Ae178B4a@github.com/o/r.git",
      { "ghs_16C7e42F292c6912E7710c838347Ae178B4a" }, { "x-access-token", "github.com/o/r.git" } },
    { "https://ghp_9fKq2LmZx7RtVb3NcW8sYd5EhJ1uPa6Gk0To@github.com/o/r", { "ghp_9fKq2LmZx7RtVb3NcW8sYd5EhJ1uPa6Gk0To" },
      { "github.com/o/r" } },
    { "amqps://user:p%2Fw%3Ax99@mq.example.com/vhost", { "p%2Fw%3Ax99", "p/w:x99" }, { "mq.example.com", "vhost" } },
    { "mongodb+srv://me:mongo-Pass-1@c0.abc.mongodb.net/db?retryWrites=true", { "mongo-Pass-1" },
      { "c0.abc.mongodb.net", "retryWrites=true" } },
    { "https://api.example.com/hook?token=tok_123456789&page=2", { "tok_123456789" }, { "api.example.com", "page=2" } },
    { "https://s3.example.com/b/k?X-Amz-Signature=9f86d081884c7d659a2feaa0&X-Amz-Expires=60",
      { "9f86d081884c7d659a2feaa0" }, { "X-Amz-Expires=60", "s3.example.com" } },
    { "https://acc.blob.core.windows.net/c?sv=2022-11-02&sig=abcDEF123%2Bghi456%3D",
      { "abcDEF123%2Bghi456%3D", "abcDEF123+ghi456=" }, { "sv=2022-11-02" } },
    { "postgres://u:p/w0rd#1@host.example/db", { "p/w0rd#1" }, { "host.example" } },
    { "mysql://root:it's@me@db.example:3306/x", { "it's@me" }, { "db.example" } },
    { "smtp://mailer%40example.com:Smtp-9-Word@smtp.example.com:587", { "Smtp-9-Word" }, { "smtp.example.com" } },
    { "jdbc:postgresql://db.example/app?user=fred&password=jdbc-s3cret&ssl=true", { "jdbc-s3cret" },
      { "fred", "ssl=true", "db.example" } },
    { "jdbc:sqlserver://db.example:1433;databaseName=x;user=sa;password=Sql-S3cret;encrypt=true", { "Sql-S3cret" },
      { "databaseName=x", "encrypt=true", "user=sa" } },
    { "jdbc:oracle:thin:scott/t1ger-word@//db.example:1521/x", { "t1ger-word" }, { "scott", "db.example" } },
    { "root:go-driver-pw@tcp(127.0.0.1:3306)/db?parseTime=true", { "go-driver-pw" }, { "127.0.0.1:3306", "parseTime" } },
  }
  for _, case in ipairs(cases) do
    local value, gone, stays = case[1], case[2], case[3]
    for _, text in ipairs(gone) do
      add("alone: " .. text, { secrets = { value }, text = "<" .. text .. ">", exact = "<***>" })
    end
    for _, text in ipairs(stays) do
      add("stays: " .. text, { secrets = { value }, text = "<" .. text .. ">", exact = "<" .. text .. ">" })
    end
    add("whole: " .. value, { secrets = { value }, text = "url " .. value .. " end", exact = "url *** end" })
  end
end

local function no_passwords(add)
  for _, value in ipairs { "https://example.com:8080/path@v2", "https://example.com/a:b@c", "postgres://owner@host/db",
    "postgres://postgres:postgres@localhost/postgres", "https://example.com/?page=2&sort=asc",
    "jdbc:postgresql://host/db", "redis://localhost:6379" } do
    for _, text in ipairs { "8080/path", "owner", "postgres", "localhost", "page=2", "asc", "6379", "example.com" } do
      add(value .. " leaves " .. text, { secrets = { value }, text = text .. " here", exact = text .. " here" })
    end
  end
end

local function connection_strings(add)
  local cases = {
    { "Server=tcp:db.example,1433;Initial Catalog=app;User ID=sa;Password=Ado-S3cret!;Encrypt=True;", { "Ado-S3cret!" },
      { "app", "sa;", "Encrypt=True" } },
    { "Server=x;User Id=sa;Pwd=\"semi;colon-9\";Encrypt=True", { "semi;colon-9" }, { "Encrypt=True" } },
    { "Server=x;Uid=sa;Password='it''s-a-word';", { "it's-a-word", "it''s-a-word" }, { "Server=x" } },
    { "Driver={ODBC};Server=x;UID=u;PWD={br}}ace-99};", { "br}ace-99" }, { "Driver={ODBC}" } },
    { "DefaultEndpointsProtocol=https;AccountName=store1;AccountKey=q83vEjRWeJ+/AbCdEf0/ab==;EndpointSuffix=core.x",
      { "q83vEjRWeJ+/AbCdEf0/ab==" }, { "store1", "EndpointSuffix=core.x" } },
    { "Endpoint=sb://ns.servicebus.example/;SharedAccessKeyName=Root;SharedAccessKey=Zm9vYmFyMTIzNDU2Nzg5MA=",
      { "Zm9vYmFyMTIzNDU2Nzg5MA=" }, { "SharedAccessKeyName=Root", "ns.servicebus.example" } },
    { "host=localhost port=5432 user=me password=dsn-S3cret dbname=x sslmode=require", { "dsn-S3cret" },
      { "host=localhost", "dbname=x", "me" } },
    { [[host=db user=me password='it\'s a word' dbname=x]], { "it's a word", [[it\'s a word]] }, { "dbname=x" } },
    { "cache.example:6380,password=Red1s=Key,ssl=True,abortConnect=False", { "Red1s=Key" }, { "ssl=True" } },
    { "machine api.example login me password netrc-S3cret", { "netrc-S3cret" }, { "api.example", "login me" } },
    { "//registry.example/:_authToken=npm_abcdef1234567890", { "npm_abcdef1234567890" }, { "registry.example" } },
    { "mysql:host=db.example;dbname=x;user=u;password=pdo-S3cret", { "pdo-S3cret" }, { "dbname=x" } },
    { "API_KEY=single-line-1", { "single-line-1" }, { "API_KEY" } },
  }
  for _, case in ipairs(cases) do
    for _, text in ipairs(case[2]) do
      add("alone: " .. text, { secrets = { case[1] }, text = "(" .. text .. ")", exact = "(***)" })
    end
    for _, text in ipairs(case[3]) do
      add("stays: " .. text, { secrets = { case[1] }, text = "(" .. text .. ")", exact = "(" .. text .. ")" })
    end
  end
end

local account = [[
{
  "type": "service_account",
  "project_id": "my-project-123",
  "private_key_id": "0123456789abcdef0123456789abcdef01234567",
  "private_key":
    "-----BEGIN PRIVATE KEY-----\nMIIEvgIBADANBgkqhkiG9w0BAQEFAASC\nBKgwggSkAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\n",
  "client_email": "bot@my-project-123.iam.example",
  "token_uri": "https://oauth2.example/token",
  "nested": { "clientSecret": "Cl1ent\u002DSecret\/9", "tokens": ["first-token-1", "second-token-2"] },
  "db": "postgres://u:in-json-pw1@h/db"
}
]]

local function json(add)
  for _, text in ipairs { "MIIEvgIBADANBgkqhkiG9w0BAQEFAASC", "BKgwggSkAgEAAoIBAQC7VJTUt9Us8cKj", "Cl1ent-Secret/9",
    "first-token-1", "second-token-2", "in-json-pw1" } do
    add("alone: " .. text, { secrets = { account }, text = "[" .. text .. "]", exact = "[***]" })
  end
  for _, text in ipairs { "my-project-123", "service_account", "bot@my-project-123.iam.example", "https://oauth2.example/token",
    "-----BEGIN PRIVATE KEY-----", "private_key", "{", "}", "nested", "0123456789abcdef0123456789abcdef01234567" } do
    add("stays: " .. text, { secrets = { account }, text = "[" .. text .. "]", exact = "[" .. text .. "]" })
  end
  local key = "-----BEGIN PRIVATE KEY-----\nMIIEvgIBADANBgkqhkiG9w0BAQEFAASC\nBKgwggSkAgEAAoIBAQC7VJTUt9Us8cKj\n"
    .. "-----END PRIVATE KEY-----"
  add("the key with its lines", { secrets = { account }, text = "key:\n" .. key .. "\nend", exact = "key:\n***\nend" })
  add("the whole", { secrets = { account }, text = account, exact = "***\n" })
  add("the whole on one line", { secrets = { account }, text = (account:gsub("\n", " ")), pattern = "^%*%*%* ?$" })
  for _, value in ipairs { '{"password":"true"}', '{"token":"null"}', '{"secret":"${VALUE}"}', '{"enabled":"production"}' } do
    for _, text in ipairs { "true", "null", "${VALUE}", "production", "password" } do
      add(value .. " leaves " .. text, { secrets = { value }, text = "x " .. text, exact = "x " .. text })
    end
  end
end

local env = [[
# settings
NODE_ENV=production
DEBUG=true
PORT=8080
export API_KEY=sk_9fKq2LmZx7RtVb3N
DB_PASSWORD="quoted word-9" # ours
SESSION_SECRET='sess-$ecret-77'
DATABASE_URL=postgres://u:env-pw-123@h/db
SENTRY=9f86d081884c7d659a2feaa0c55ad015
BUCKET_NAME=my-assets-2024-eu-west-1
ASSETS=my-company-assets-2024
BUILT_AT=2026-11-21T18:43:57Z
GREETING=hello a1b2c3d4e5f6 and more
BRANCH_REF=feature/a1b2c3d4e5f6-login
MULTI="first-line-of-it
second-line-of-it"
PRIVATE_KEY="-----BEGIN KEY-----\nMIIEvgIBADANBgkqhkiG9w0B\n-----END KEY-----"
]]

local function dotenv(add)
  for _, text in ipairs { "sk_9fKq2LmZx7RtVb3N", "quoted word-9", "sess-$ecret-77", "env-pw-123",
    "9f86d081884c7d659a2feaa0c55ad015", "MIIEvgIBADANBgkqhkiG9w0B", "API_KEY=sk_9fKq2LmZx7RtVb3N" } do
    add("alone: " .. text, { secrets = { env }, text = "[" .. text .. "]", gone = { text }, stays = { "[", "]" } })
  end
  for _, text in ipairs { "production", "true", "8080", "NODE_ENV", "my-assets-2024-eu-west-1", "postgres://", "ours",
    "hello a1b2c3d4e5f6 and more", "my-company-assets-2024", "2026-11-21T18:43:57Z", "feature/a1b2c3d4e5f6-login" } do
    add("stays: " .. text, { secrets = { env }, text = "[" .. text .. "]", exact = "[" .. text .. "]" })
  end
  add("the whole", { secrets = { env }, text = env, exact = "***\n" })
end

local function quoted(add)
  for _, quote in ipairs { '"', "'" } do
    for _, word in ipairs { "quoted-secret-1", "with space 99", "https-like://x" } do
      local value = quote .. word .. quote
      add(value .. " without quotes", { secrets = { value }, text = "a " .. word .. " b", exact = "a *** b" })
      add(value .. " with quotes", { secrets = { value }, text = "a " .. value .. " b", exact = "a *** b" })
    end
  end
  add("one quote is none", { secrets = { '"half-quoted' }, text = "half-quoted", exact = "half-quoted" })
end

local function around(add)
  for _, before in ipairs { "", " ", "\n", "\t", "\r\n" } do
    for _, after in ipairs { " ", "\n", "\r\n", "  \n\n" } do
      local value = before .. "white-space-1" .. after
      add(("%q"):format(value), { secrets = { value }, text = "a white-space-1\nb", exact = "a ***\nb" })
      add(("%q in JSON"):format(value), { secrets = { value }, text = '"white-space-1\\n"', exact = '"***\\n"' })
    end
  end
end

local function yaml(add)
  local value = "apiVersion: v1\nusers:\n- name: ci\n  user:\n    token: yaml-Token-99\n    password: 'yaml-Pass-1'\n"
  for _, text in ipairs { "yaml-Token-99", "yaml-Pass-1" } do
    add("alone: " .. text, { secrets = { value }, text = "<" .. text .. ">", exact = "<***>" })
  end
  for _, text in ipairs { "v1", "users", "ci", "token", "user:" } do
    add("stays: " .. text, { secrets = { value }, text = "<" .. text .. ">", exact = "<" .. text .. ">" })
  end
end

-- The heading of a section is no list of JSON.
local function sections(add)
  local cases = {
    { "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalr/K7MDENG+bPxRfiCY\nregion = x-1\n",
      { "wJalr/K7MDENG+bPxRfiCY" }, { "default", "region", "x-1" } },
    { "[db]\nuser=app-user\npassword = ini-Pass-42\n", { "ini-Pass-42" }, { "app-user", "[db]" } },
    { '[a]\r\ntoken = "toml-Token-4"\r\n', { "toml-Token-4" }, { "[a]" } },
    { '[\n{"password": "list-Pass-1", "user": "bob"}\n]', { "list-Pass-1" }, { "bob" } },
  }
  for _, case in ipairs(cases) do
    for _, text in ipairs(case[2]) do
      add("alone: " .. text, { secrets = { case[1] }, text = "<" .. text .. ">", exact = "<***>" })
    end
    for _, text in ipairs(case[3]) do
      add("stays: " .. text, { secrets = { case[1] }, text = "<" .. text .. ">", exact = "<" .. text .. ">" })
    end
  end
end

local function credentials(add)
  local jaas = 'org.apache.kafka.PlainLoginModule required username="kate" password="kfk-Pw 1!";'
  for value, text in pairs { ["Authorization: Bearer abc.def-ghi123"] = "abc.def-ghi123", ["Bearer abc.def-123"] = "abc.def-123",
    ["Basic dXNlcjpwYXNz1"] = "dXNlcjpwYXNz1", [jaas] = "kfk-Pw 1!" } do
    add("alone: " .. text, { secrets = { value }, text = "<" .. text .. ">", exact = "<***>" })
  end
  for value, text in pairs { ["Basic training"] = "training", ["token of a friend 1"] = "of a friend", [jaas] = "required" } do
    add("stays: " .. text, { secrets = { value }, text = "<" .. text .. ">", exact = "<" .. text .. ">" })
  end
end

return function(class)
  class("values below the heading of a section", sections)
  class("credentials of headers and of JAAS", credentials)
  class("passwords in URLs", urls)
  class("URLs without passwords", no_passwords)
  class("connection strings", connection_strings)
  class("strings of JSON", json)
  class("values of .env files", dotenv)
  class("values of YAML", yaml)
  class("quotes around a value", quoted)
  class("white space around a value", around)
end
