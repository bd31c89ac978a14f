---The secrets of the corpus. None is anybody's; each is here for what its bytes do to an encoder.
local pem = [[
-----BEGIN PRIVATE KEY-----
MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC7VJTUt9Us8cKj
MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu
NMoSfm76oqFvAp8Gy0iz5sxjZmSnXyCdPEovGhLa0VzMaQ8s+CLOyS56YyCFGeJZ
qgtzJ6GR3eqoYSW9b9UMvkBpZODSctWSNGj3P7jRFDO5VoTwCQAWbFnOjDfH5Ulg
p2PKSQnSJP3AJLQNFNe7br1XbrhV
-----END PRIVATE KEY-----
]]

return {
  token = "ghp_9fKq2LmZx7RtVb3NcW8sYd5EhJ1uPa6Gk0To",
  hexkey = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  base64key = "q83vEjRWeJ+/AbCdEf0/ab+cd/efGh==",
  password = [[p@ss w0rd"'\/<&>$`!%^=+]],
  shellish = "it's-$HOME&more;x=1|y*?~{a,b}[c]#!",
  quotes = [[a"b'c`d"e'f--g]],
  utf8 = "pässwörd-✓-𝄞-key",
  controls = "tab\there\27[31m-secret-\1-\127x",
  eight = "Xy7#kQ2z",
  dashed = "sk-live_4eC39HqLyjWDarjtT1zdp7dc",
  digits = "4929123412341234",
  url = "postgresql://owner:s3cr%40t-Pa55@ep-cool-1.neon.tech/main?sslmode=require",
  tildes = "~>?a~b?c>d~e?f",
  pem = pem,
}
