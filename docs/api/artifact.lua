---@meta artifact

---Artifacts: what one job makes and another one uses. An archive of files, or values with names; verified
---when it is taken, kept for a while, and *sealed* where others must not read it.
---
---An artifact has a name, a run and an attempt. Under GitHub these are GITHUB_RUN_ID and GITHUB_RUN_ATTEMPT, elsewhere
---"local" and 1, unless they are given (`run = run.id`). Names and runs are letters, digits, ".", "_" and "-", at most
---100, and begin with none of "." and "-".
---
---**It is never changed silently**, as with upload-artifact since v4: another content under the same name, run
---and attempt is refused, the same content is fine (and keeps its time), so that a step may be repeated. `replace`
---replaces it, at once. What is sealed has other bytes each time, so a step that seals is repeated with `replace`.
---Files that begin with a dot are in it like all others; the folder .davit of the root never is.
---
---**It is content-addressed**: the same files give the same archive, with the same SHA-256 (the digest), which is stored
---once however many names it has. The digest is compared whenever an artifact is taken: what was damaged is an
---error, and nothing of it is extracted.
---
---**A plaintext artifact holds no secret**, in any form that the mask knows: one that would is not made, and the
---error names file and secret (exit code 7). It is searched for every secret that was read, and for those of davit.yaml
---that the environment, the env_file or a `file` has, read or not. For `command` and `fd` nobody is asked: these are
---looked for once they were read. Sealed ones may.
---
---They are in the project's .davit/artifacts, or in the folder that the variable DAVIT_ARTIFACTS names, which jobs of
---one user may share, or those of one group, where the folder is the group's (setgid) and each has the umask 002; others
---cannot hold its lock. A relative path counts from the project's folder. Several processes may put, get and remove at
---once. A rehearsal begins with none.
local artifact = {}

---@class artifact.Key
---@field name string
---@field run? string       (the one that goes on here; of `find`, `get` and `remove` outside of GitHub: any)
---@field attempt? integer  1 to 999999 (of `put`: the one that goes on here, 1 with a run that is given; else any)

---@class artifact.Entry
---@field name string
---@field run string
---@field attempt integer
---@field kind "files"|"values"
---@field sha256 string         the digest: of the archive, or of what is sealed; 64 hexadecimal digits
---@field size integer          bytes that are stored
---@field files? integer        how many are in it
---@field bytes? integer        of all files together
---@field created number        Unix seconds
---@field expires number        Unix seconds
---@field order integer         counts what was put under the name: the largest is the last
---@field sealed_to? string[]   whom it is sealed for
---@field damaged? boolean      its entry cannot be read: there are only name, run and attempt, and `order` is 0
---@field contents? archive.Entry[]  of `put` and `get`: { path, kind = "file"|"folder"|"link", size, executable, target };
---                                  of `put` each file's sha256, too
---@field values? table<string, string|secret.Template>  of `get`

---@class artifact.PutOptions: artifact.Key
---@field root? string        the folder; counts from the project's and stays inside of it, as paths of `fs` do (".")
---@field paths? string[]     files, and folders with all in them, below the root (all)
---@field except? string[]    files and folders that are left out, by their paths below the root
---@field values? table<string, string|secret.Template>  instead of files: texts, and secrets if it is sealed. Names and
---                                                      values together at most 1 MiB; none is empty, a name
---                                                      is one line
---@field sealed_to? string|string[]  who may have it: names of keys in davit.yaml (artifacts.keys), or public keys; at
---                                   most 15. A secret among the values must be bound to "sealed:NAME" for each
---@field retention? number|string    how long it is kept: seconds, or "12h", "7d" (7 days; sealed: 1 day)
---@field replace? boolean    what is there under this name, run and attempt is replaced (false)
---@field level? integer      of zstd, 1 to 19 (3)
---@field outside? boolean    the root may lead out of the project's folder (false)

---Makes an artifact. It is there at once and as a whole, and lasts: who is killed meanwhile leaves nothing
---that anybody finds, and what he leaves on the disk is swept.
---
---With `values` and `sealed_to` a secret becomes no Lua string on its way: it comes back as a secret that may go where
---it may go now (of a text made of several secrets: to the places that all of them name), and is masked. Files that are
---sealed are packed into the project's .davit/tmp first, for this user alone, for a moment.
---
---Raises "artifact-exists" (another content is there), "denied" (a file or value holds a secret: `about`, `secret`),
---"secret-refused" (a value may not be sealed for that key), "artifact-empty" (a value is empty), "artifact-busy" (another
---process has held the folder for 30 s; transient), "config" for an unknown key, those of `fs`, and for files that
---cannot be packed "archive-entry", "archive-changed"; a misuse for a wrong name.
---@param options artifact.PutOptions
---@return artifact.Entry
function artifact.put(options) end

---@class artifact.GetOptions: artifact.Key
---@field into? string     of files: the folder, made when missing; counts from the project's and stays inside of it
---@field digest? string   what the artifact has to be: "sha256:" and 64 hexadecimal digits
---@field key? secret.Template  the private key of one that is sealed (the variable DAVIT_ARTIFACT_KEY)
---@field replace? boolean files that are there are replaced; else one is "file-exists", before anything is extracted (false)
---@field outside? boolean `into` may lead out of the project's folder (false)
---@field max_bytes? integer    of all files together (16 GiB)
---@field max_entries? integer  (200,000)
---@field max_ratio? integer    bytes for each byte of the archive, from 64 MiB on (1,000)

---Takes an artifact: of several the last attempt of a run, of several runs the one put last. Files are extracted
---as a whole or not at all; no name or link leads out of `into`.
---
---Raises "artifact-not-found", with what there is under the name; "artifact-damaged", "artifact-digest",
---"artifact-sealed" (it is for other keys, which are named), "secret-missing" (no key in the environment),
---"artifact-key" (the secret is none), "file-exists", "archive-entry" and "archive-limit" (what must not be
---extracted); all fatal.
---@param options artifact.GetOptions
---@return artifact.Entry  with `values`, or with `contents`
function artifact.get(options) end

---The entry that `get` would take, or nil; one that has expired is not found.
---@param key artifact.Key
---@return artifact.Entry|nil
function artifact.find(key) end

---@class artifact.ListOptions
---@field name? string
---@field run? string
---@field attempt? integer
---@field expired? boolean  also those that have expired and were not swept yet (false)

---What there is, by name and in the order it was put. What has expired is swept, unless it is listed.
---@param options? artifact.ListOptions
---@return artifact.Entry[]
function artifact.list(options) end

---Removes all artifacts that fit. The bytes go when no other name has them; who reads them already keeps them.
---@param key artifact.Key
---@return artifact.Entry[]  what was removed
function artifact.remove(key) end

---What stands in the folder of artifacts and is none of theirs: files, folders and pipes that somebody else has put there. It
---is neither listed nor swept.
---@return string[] places  from that folder
function artifact.strays() end

---Removes what has expired, and what killed processes have left; `artifact.list` and `davit gc` do it, too.
---@return artifact.Entry[]  what had expired
function artifact.sweep() end

---@class artifact.HandOver: artifact.Key
---@field values table<string, string|secret.Template>  all but `state`, which is its own
---@field sealed_to? string|string[]  for whom the secrets among the values are sealed, as in `put`
---@field retention? number|string    as in `put`

---Hands values over to a later job. Prefer what leads to a secret over the secret: the id of a database branch, from which
---the later job asks Neon for the connection. What is no secret goes as the artifact NAME, with the canary
---`state = "ready"`, and under GitHub as the outputs NAME_state and NAME_VALUE of the step; secrets go sealed, as the
---artifact NAME.sealed and, up to 512 KiB, as the output NAME_sealed. What was handed over before under that name is replaced, so that a step may be repeated.
---
---Raises "denied" for a secret without `sealed_to`, and what `put` raises.
---@param options artifact.HandOver
function artifact.hand_over(options) end

---@class artifact.TakeOver: artifact.Key
---@field expect? string[]  values that must be there and not empty
---@field given? table<string, string>  `state`, values and `sealed` as they came through outputs of a job (a recipe's
---                                     parameters), instead of the artifacts
---@field key? secret.Template  the private key, as in `get`

---Takes what was handed over. A sealed part is opened only when a value that is expected is in no other.
---
---Raises "handover-missing" when nothing was handed over under the name, "handover-empty" when a value that is
---expected is missing or empty although its state is there: it was dropped on the way; what `get` raises. All fatal.
---@param options artifact.TakeOver
---@return table<string, string|secret.Template> values
function artifact.take_over(options) end

return artifact
