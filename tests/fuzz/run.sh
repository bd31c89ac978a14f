#!/bin/sh
# Runs the fuzzers: tests/fuzz/run.sh COMPILER BUILD FLAGS, as "make fuzz" and "make fuzz-afl" do.
#   RUNS=20000     texts for each target, from a fixed seed (the default)
#   SECONDS=3600   or so long for each target, from another seed each time; AFL++ takes nothing else
#   TARGETS="yaml url"
# New texts are kept in BUILD/corpus; one that fails is left there and named.
set -eu
cd "$(dirname "$0")/../.."
compiler=$1 build=$2 flags=$3
targets=${TARGETS:-$(ls tests/fuzz/corpus)}

skip() {
  echo "fuzz: skipped: $1"
  exit 0
}

command -v "$compiler" >/dev/null || skip "there is no $compiler here (Debian's package is ${4:-clang, or afl++})"
mkdir -p "$build"
echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n); int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n > 9; }' \
  >"$build/probe.c"
"$compiler" -fsanitize=fuzzer -o "$build/probe" "$build/probe.c" 2>/dev/null ||
  skip "$compiler has no libFuzzer here (Debian's package is libclang-rt-NN-dev, with clang's version)"

make --no-print-directory -j"$(nproc)" CC="$compiler" B="$build" CFLAGS='-O1 -g' SANFLAGS="$flags" "$build/fuzz"

# One target with libFuzzer; the line is "yaml: 20000 executions".
with_libfuzzer() {
  corpus=$build/corpus/$1
  mkdir -p "$corpus"
  if [ -n "${SECONDS_EACH:-}" ]; then
    set -- "$1" "-max_total_time=$SECONDS_EACH"
  else
    rm -rf "$corpus" && mkdir -p "$corpus"
    set -- "$1" "-runs=${RUNS:-20000}" -seed=1
  fi
  FUZZ=$1 "$build/fuzz" "$2" ${3:+"$3"} -max_len=2048 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$corpus/failed-" "$corpus" "tests/fuzz/corpus/$1" >"$build/$1.log" 2>&1 || {
    grep -v '^#' "$build/$1.log" | tail -n 60
    echo "fuzz: $1 failed; its text is $corpus/failed-*"
    return 1
  }
  echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$1.log") executions"
}

with_afl() {
  rm -rf "$build/out/$1"
  FUZZ=$1 AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 \
    afl-fuzz -V "${SECONDS_EACH:-60}" -m none -t 10000 -i "tests/fuzz/corpus/$1" -o "$build/out/$1" "$build/fuzz" \
    >"$build/$1.log" 2>&1 || { tail -n 30 "$build/$1.log"; return 1; }
  stats=$build/out/$1/default/fuzzer_stats
  echo "$1: $(sed -n 's/^execs_done *: *//p' "$stats") executions, $(sed -n 's/^saved_crashes *: *//p' "$stats") failed"
  [ "$(sed -n 's/^saved_crashes *: *//p' "$stats")" = 0 ]
}

failed=
for target in $targets; do
  case $compiler in
    afl-*) with_afl "$target" || failed=1 ;;
    *) with_libfuzzer "$target" || failed=1 ;;
  esac
done
[ -z "$failed" ]
