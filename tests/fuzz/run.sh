#!/bin/sh
# Runs the fuzzers: tests/fuzz/run.sh COMPILER BUILD FLAGS [TARGET], as "make fuzz" and "make fuzz-afl" do.
#   make fuzz                   1,000 texts for each target, from a fixed seed; fewer where one takes long
#   make fuzz RUNS=1000000      or so many
#   make fuzz TIME=3600         so many seconds each, from another seed each time; AFL++ takes nothing else
#   make fuzz TARGETS="yaml url"
# A text that fails is kept in BUILD/corpus and named; beside it is what TIME has found.
set -eu
cd "$(dirname "$0")/../.."
compiler=$1 build=$2 flags=$3

skip() {
  echo "fuzz: skipped: $1"
  exit 0
}

with_libfuzzer() {
  corpus=$build/corpus/$1
  if [ -n "${TIME:-}" ]; then
    much=-max_total_time=$TIME seed=0
  else
    rm -rf "$corpus"
    case $1 in   # by what one takes: a hundred milliseconds, twenty, six, one
      cloud) runs=60 ;; sealed) runs=200 ;; url | glob | mask) runs=400 ;; *) runs=1000 ;;
    esac
    much=-runs=${RUNS:-$runs} seed=1
  fi
  case $1 in archive | cloud | multipart) max=4096 ;; *) max=512 ;; esac
  case $1 in sealed) alloc=16 ;; *) alloc=1024 ;; esac   # MB at once, whatever a length says
  mkdir -p "$corpus"
  FUZZ=$1 "$build/fuzz" "$much" -seed=$seed -max_len=$max -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=$alloc \
    -print_final_stats=1 -print_funcs=0 -artifact_prefix="$corpus/failed-" "$corpus" "tests/fuzz/corpus/$1" >"$build/$1.log" 2>&1 || {
    grep -av '^#' "$build/$1.log" | tail -n 60
    echo "fuzz: $1 failed; its text is $(ls "$corpus"/failed-*)"
    return 1
  }
  echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$1.log") executions"
}

with_afl() {
  rm -rf "$build/out/$1"
  mkdir -p "$build/out"
  FUZZ=$1 AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 \
    afl-fuzz -V "${TIME:-60}" -m none -t 10000 -i "tests/fuzz/corpus/$1" -o "$build/out/$1" "$build/fuzz" \
    >"$build/$1.log" 2>&1 || { tail -n 30 "$build/$1.log"; return 1; }
  stats=$build/out/$1/default/fuzzer_stats
  crashes=$(sed -n 's/^saved_crashes *: *//p' "$stats") hangs=$(sed -n 's/^saved_hangs *: *//p' "$stats")
  echo "$1: $(sed -n 's/^execs_done *: *//p' "$stats") executions, $crashes failed, $hangs never ended"
  [ "$crashes$hangs" = 00 ]
}

if [ $# = 4 ]; then
  case $compiler in afl-*) with_afl "$4" ;; *) with_libfuzzer "$4" ;; esac
  exit
fi

command -v "$compiler" >/dev/null || skip "there is no $compiler here; Debian's packages are clang and afl++"
mkdir -p "$build"
echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n);
int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n > 9; }' >"$build/probe.c"
"$compiler" -fsanitize=fuzzer -o "$build/probe" "$build/probe.c" 2>/dev/null ||
  skip "$compiler has no libFuzzer here; Debian's package is libclang-rt-NN-dev, with clang's version"
"${MAKE:-make}" --no-print-directory CC="$compiler" B="$build" CFLAGS='-O1 -g' SANFLAGS="$flags" "$build/fuzz"
# shellcheck disable=SC2086  # a list of names
printf '%s\n' ${TARGETS:-$(ls tests/fuzz/corpus)} |
  xargs -P "$(nproc)" -I TARGET tests/fuzz/run.sh "$compiler" "$build" "$flags" TARGET
