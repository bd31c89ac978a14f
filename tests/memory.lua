---A new folder of a test's own, in memory where there is room enough: the files of databases come and go by the
---thousand, and some file systems take longer for that than everything else takes together. Others may enter it, as
---PostgreSQL must that runs as nobody. Whoever asks removes it.
local fs = require "fs"
local process = require "process"

-- Room is 4 GiB in KiB, of the machine and of the place; a program must be able to run there.
local CHOOSE = [[
room=$((4 << 20))
machine=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)
place=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
if [ "${machine:-0}" -ge "$room" ] && [ "${place:-0}" -ge "$room" ]; then
  folder=$(mktemp -d -p /dev/shm davit-test-XXXXXX) && printf '#!/bin/sh\n' >"$folder/try" && chmod 700 "$folder/try"
  if "$folder/try" 2>/dev/null; then rm "$folder/try"; echo "$folder"; exit; fi
  rm -rf "$folder"
fi
mktemp -d
]]

---@return string
return function()
  local folder = process.run({ command = CHOOSE }).output:match "[^\n]+"
  fs.chmod(folder, "0711")
  return folder
end
