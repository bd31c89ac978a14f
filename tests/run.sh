#!/bin/sh
# Runs every test of one build and adds up: tests/run.sh BUILD UNIT…
# The last line is "N passed, N failed, N skipped".
set -u
build=$1
shift
passed=0 failed=0 skipped=0

# Rate budgets are shared through a file: the tests have their own.
XDG_STATE_HOME=$(cd "$build" && pwd)/state
export XDG_STATE_HOME

count() {  # passed failed skipped
  passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# A program of cmocka's prints "[  PASSED  ] 3 test(s)."; one that dies counts as a failure.
unit() {
  log=$build/$(basename "$1").log
  "$1" >"$log" 2>&1
  code=$?
  p=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log")
  f=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log" | head -1)
  s=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test.*/\1/p' "$log" | head -1)
  [ $code = 0 ] || [ "${f:-0}" != 0 ] || f=1
  [ "${f:-0}" = 0 ] || cat "$log"
  echo "$(basename "$1"): ${p:-0} passed, ${f:-0} failed, ${s:-0} skipped"
  count "${p:-0}" "${f:-0}" "${s:-0}"
}

# What the tests provoke is said on standard error: worth reading only when one fails.
lua_tests() {
  log=$build/lua.log
  {
    DAVIT=$build/davit "$build/davit" tests/run.lua 2>"$log.err"
    echo $? >"$log.code"
  } | tee "$log" | sed 's/^[0-9]* passed, /lua: &/'
  last=$(tail -n 1 "$log" | tr -d ,)
  case $last in
    *" passed "*) p=${last%% *} f=$(echo "$last" | cut -d' ' -f3) s=$(echo "$last" | cut -d' ' -f5) ;;
    *) p=0 f=1 s=0 && echo "the Lua tests ended early" ;;
  esac
  [ "$(cat "$log.code")" = 0 ] || [ "$f" != 0 ] || f=1
  [ "$f" = 0 ] || cat "$log.err"
  count "$p" "$f" "$s"
}

for test in "$@"; do unit "$test"; done
lua_tests
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
