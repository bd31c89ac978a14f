---@meta process

---Child processes: run one to its end, or keep one beside the recipe.
---
---A child is started by a small guard process in a session of its own, without a terminal unless
---`pty` says otherwise, with its three standard descriptors, those of `fds`, and nothing else that Davit has open. Nothing that it starts
---outlives Davit, not even a daemon, and not even when Davit is killed with SIGKILL.
---
---A child that must end (a timeout, a cancelled task, the end of its scope) gets a signal, `grace`
---seconds, then SIGKILL, to its whole process group; what is left below it then is killed at
---once, daemons included. The signal is SIGTERM, or the one that stops the run: what Davit got,
---SIGINT or SIGHUP, its children get. What a child leaves behind when it ends by itself lives on until
---Davit ends. A second signal ends Davit at once, and all of them with SIGKILL.
---
---Somebody who may kill Davit may kill its helpers, too. When Davit and its guard (`davit-guard`) are
---killed, in either order, running children still end with all they started, by the process that keeps
---each. Nobody is left to end a child whose keeper was killed as well, nor what a child that ended by
---itself had left behind when the guard is killed.
local process = {}

---@class process.Options  what `run` and `start` have in common
---@field argv? string[]    the program and its arguments, as they are: no shell reads them. A name
---                         without a slash is looked up in the PATH of `env`. A secret among them
---                         is a misuse, for everybody on the machine can read arguments
---@field command? string   instead of argv: a text for `/bin/sh -c`
---@field env? table<string, string|secret.Secret|false>  variables to add; false leaves an
---                         inherited one out. Inherited are only CI, CLICOLOR, COLORTERM, HOME, LANG,
---                         LC_*, LOGNAME, NODE_EXTRA_CA_CERTS, NO_COLOR, PATH, SSL_CERT_DIR,
---                         SSL_CERT_FILE, TERM, TMPDIR, TZ and USER. With --no-color
---                         NO_COLOR is 1
---@field cwd? string       the folder it runs in (the project's; without a project Davit's own)
---@field input? string|secret.Secret|process.File|true  what it reads on its standard input
---                         (nothing): a text; a file, which it is given as it is; or true, only of
---                         `start`: what `write` gives it
---@field fds? table<integer, string|secret.Template>  what it reads on descriptors 3 to 9, each to its end, up to
---                         64 KiB: `fds = { [3] = token }` for `tool --token-fd 3`. Unlike a variable it is gone
---                         once it was read
---@field output? "capture"|"stream"|"discard"  "stream" also writes each line to standard error
---                         when it has ended ("capture"). A line over 64 KiB is cut there. Of progress,
---                         lines that end with a carriage return, a terminal shows every state, a log
---                         the last. Output is masked in all cases
---@field prefix? string    what stands before each streamed line
---@field merge? boolean    standard error goes where standard output goes, in order; `errors` of the
---                         result is empty then (false)
---@field pty? boolean      both are a terminal of the child's own (when its output is streamed and
---                         Davit's standard error is a terminal), as large as ours, which it follows.
---                         Merged; line ends are "\n". Programs may write colours then: who reads the
---                         result says pty = false. Nobody types there: what asks the terminal finds
---                         its end, and keys that signal reach Davit alone. What a child leaves behind
---                         gets SIGHUP when its terminal goes, half a second after its end at most
---@field memory? integer   bytes of data that it, and each process that it starts, may have
---                         (RLIMIT_DATA; no limit)
---@field max_output? integer  bytes that are kept of each output; the tail is (1048576)
---@field grace? number     seconds between the signal and SIGKILL (5; 2 when the run is being stopped and
---                         the variable CI is set, for CI kills after 7.5 s)

---@class process.File
---@field file string       a path; a relative one counts from the project's folder, without a project from Davit's own

---@class process.RunOptions : process.Options
---@field timeout? number   seconds after which it must have ended (none)
---@field check? boolean    an ending other than exit code 0 is an error (true)

---@class process.Result
---@field exit? integer     the exit code; nil when a signal ended it
---@field signal? string    the signal that ended it, e.g. "SIGKILL"
---@field core boolean      it left a core dump
---@field output string     what it wrote to standard output; of `start`, what `line` did not take
---@field errors string     what it wrote to standard error
---@field dropped integer   bytes that were written and not kept (see max_output)
---@field held boolean      a process that it left behind still had its output open half a second
---                         after its end: there may be more output that nobody reads
---@field seconds number    how long it ran
---@field peak integer      bytes of memory that the largest of its processes had, of those it waited for
---@field oom? string       while it ran and failed, the kernel killed for want of memory: how its count
---                         rose, of the control group or else of the machine

---Runs a program to its end.
---
---Raises `process-exit` (fatal) with the command, its exit code or signal (fields `exit`,
---`signal`) and the last lines it wrote; `process-timeout` (fatal) likewise; `process-memory`
---(fatal) likewise, when SIGKILL ended it, or a program of its (exit code 137), while the kernel
---counted a kill for want of memory, and, as likely, when it aborted or complained of memory under
---the limit `memory`, or both without one; `process-not-found` (fatal), which says where it was
---looked for; `process-failed` (fatal) when it could not be started: permission, a folder, an
---interpreter or a loader that is missing, another machine's program, an input file that cannot be
---read;
---`process-lost` (unknown) when Davit's guard was killed; `secret-refused` when a secret in env,
---input or fds is not bound to `program:NAME`.
---@param options process.RunOptions
---@return process.Result
function process.run(options) end

---Starts a program and returns when it runs. Keep it in a `<close>` variable: the end of its
---scope ends it gracefully. Lines that nobody takes never block it; the oldest go.
---
---Raises as `run` does when it cannot be started.
---@param options process.Options
---@return process.Child
function process.start(options) end

---Does any process, a child or not, have this number now? In a rehearsal only stand-ins do.
---@param pid integer
---@return boolean
function process.alive(pid) end

---@class process.Child
local Child = {}

---Waits for its end, whatever that is. Raises `process-lost` (unknown).
---@return process.Result
function Child:wait() end

---The next line of its standard output, without its end; waits for it. Nil when none will follow.
---Raises a misuse when its output is discarded.
---@return string?
function Child:line() end

---Writes to its standard input (input = true), and returns when it has taken all of it: memory is
---needed for one text, however slowly it reads. Cut short by a deadline, how much it took is not
---known. Raises `process-input` (fatal) when it has closed its input or ended; `secret-refused`.
---@param text string|secret.Secret
function Child:write(text) end

---Ends its standard input (input = true) after what was written.
function Child:close_input() end

---Sends a signal to its process group; in vain when it has ended. After one that ends programs
---(HUP, INT, QUIT, TERM) SIGCONT follows, for those that are stopped.
---@param signal? string  "TERM", "HUP", "SIGUSR1", … ("TERM")
function Child:kill(signal) end

---@return integer
function Child:pid() end

return process
