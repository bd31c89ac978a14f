#!/bin/sh
# Runs every test of one build and adds up: tests/run.sh BUILD UNIT…
# Units and files of Lua tests are processes of their own, several at a time: most of them wait for others. JOBS
# says how many. LEAVE_OUT names files that are not run ("clients kill"), each counted as skipped. The last line is
# "N passed, N failed, N skipped".
set -u
build=$1
shift
jobs=${JOBS:-$(($(nproc) * 2))}
results=$build/results

# Begun first, so that none of them is left to run alone at the end.
longest="clients flow_preview flow_plan cloud_postgres_compute rehearsal_report rehearsal_truth rehearsal_bugs
  clients_neon cloud_postgres_restore kill misuse clients_github rehearsal clients_differential migrations
  shared_store mask_corpus migrate flow ci_workflow flow_ten flow_manifest"

# A program of cmocka's prints "[  PASSED  ] 3 test(s)."; one that dies counts as a failure. What the tests
# provoke is said there too: worth reading only when one fails.
unit() {  # PROGRAM NAME
  log=$results/$2.log
  "$1" >"$log" 2>&1
  code=$?
  p=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log")
  f=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log" | head -1)
  s=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test.*/\1/p' "$log" | head -1)
  said=
}

lua_tests() {  # FILE NAME
  log=$results/$2.log
  DAVIT=$build/davit "$build/davit" tests/run.lua "$1" >"$log.said" 2>"$log"
  code=$?
  last=$(tail -n 1 "$log.said" | tr -d ,)
  said=$(sed '$d' "$log.said")
  case $last in
    *" passed "*) p=${last%% *} f=$(echo "$last" | cut -d' ' -f3) s=$(echo "$last" | cut -d' ' -f5) ;;
    *) p=0 f=1 s=0 said="the tests ended early: $(cat "$log.said")" ;;
  esac
}

# One test, in this process's own child: what it has to say is said at once, and its counts are left in a file.
one() {  # TEST
  name=$(basename "$1" .lua)
  # Rate budgets are shared through a file: each has its own.
  XDG_STATE_HOME=$(cd "$results" && pwd)/$name.state
  export XDG_STATE_HOME
  case $1 in
    *.lua) lua_tests "$1" "$name" ;;
    *) unit "$1" "$name" ;;
  esac
  [ $code = 0 ] || [ "${f:-0}" != 0 ] || f=1
  echo "${p:-0} ${f:-0} ${s:-0}" >"$results/$name.counts"
  {
    [ "${f:-0}" = 0 ] || cat "$log"
    [ -z "$said" ] || echo "$said"
    echo "$name: ${p:-0} passed, ${f:-0} failed, ${s:-0} skipped"
  } >"$log.told"
  flock "$results" cat "$log.told"
}

among() {  # NAME LIST…
  wanted=$1
  shift
  for one in "$@"; do [ "$one" != "$wanted" ] || return 0; done
  return 1
}

# shellcheck disable=SC2086  # lists of names
in_order() {  # UNIT…
  for name in $longest; do among "$name" ${LEAVE_OUT:-} || echo "tests/${name}_test.lua"; done
  for file in tests/*_test.lua "$@"; do
    among "$(basename "$file" _test.lua)" $longest ${LEAVE_OUT:-} || echo "$file"
  done
}

if [ "$1" = --one ]; then
  one "$2"
  exit 0
fi
rm -rf "$results"
mkdir -p "$results"
in_order "$@" >"$results/tests"
xargs -P "$jobs" -n 1 "$0" "$build" --one <"$results/tests"
passed=0 failed=0 skipped=0
for name in ${LEAVE_OUT:-}; do
  echo "skipped: ${name}_test: left out by LEAVE_OUT"
  skipped=$((skipped + 1))
done
while read -r test; do
  p=0 f=1 s=0   # one that left no counts was killed
  # shellcheck disable=SC2034  # $test names it
  [ ! -f "$results/$(basename "$test" .lua).counts" ] || read -r p f s <"$results/$(basename "$test" .lua).counts"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done <"$results/tests"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
