#!/bin/sh
# Installs what is missing to build Davit and to run its tests, its demo or its benches.
#   tests/setup.sh [build|demo|test|bench]
# It says what it installs before it does. Debian's packages come by apt (through sudo only
# when not root); npm parts go to build/ and nowhere else: those of tests/package.json to build/npm, the
# services' own clients (tests/clients/package.json) to build/clients-npm, what only the benches measure
# (tests/bench/package.json) to build/bench-npm.
set -eu
cd "$(dirname "$0")/.."
want=${1:-test}

build="gcc libc6-dev make pkg-config liblua5.4-dev lua-cjson-dev libuv1-dev libcurl4-openssl-dev
  libc-ares-dev libpq-dev libsqlite3-dev libyaml-dev libssl-dev libsodium-dev libarchive-dev libzstd-dev
  libmicrohttpd-dev libgnutls28-dev libwslay-dev"
demo="postgresql curl git ca-certificates"
test="libcmocka-dev lua-check shellcheck clang zstd libarchive-tools chromium gdb gh
  jq xxd bsdextrautils"
bench="libcmocka-dev linux-perf lua5.4 nghttp2-server openssl zstd b3sum libarchive-tools ripgrep"
[ "$(uname -m)" != x86_64 ] || bench="$bench libhyperscan-dev"

packages=$build
[ "$want" = build ] || packages="$packages $demo"
[ "$want" = test ] && packages="$packages $test"
[ "$want" = bench ] && packages="$packages $bench"
[ "$want" = build ] || command -v npm >/dev/null || packages="$packages nodejs npm"

installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# apt talks much; what it says is worth reading only when it fails. sudo keeps no variables.
apt() {
  said=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -qq "$@" 2>&1) || {
    echo "$said" >&2
    return 1
  }
}

# PostgreSQL's package would create and start a cluster of its own: Davit starts its own, on loopback.
install() {
  own=/etc/postgresql-common/createcluster.d/davit.conf
  as_root mkdir -p "$(dirname $own)"
  echo "create_main_cluster = false" | as_root tee $own >/dev/null
  apt install --no-install-recommends "$@" || failed=1
  as_root rm $own
  [ -z "${failed:-}" ]
}

install_packages() {
  missing=
  for p in $packages; do installed "$p" || missing="$missing $p"; done
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    echo "davit: there is no apt-get here; have the like of these Debian packages:" "$missing"
    return 0
  fi
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    echo "davit: packages are missing, and you are not root and there is no sudo; as root run:" >&2
    echo "apt-get install --no-install-recommends$missing" >&2
    exit 1
  fi
  echo "davit: installing by apt:$missing"
  apt update
  # shellcheck disable=SC2086  # a list of names
  install $missing
}

# install_npm FOLDER INTO COMMAND: what FOLDER/package.json names. INTO is as the lockfile says while its copy of the lockfile
# equals it.
install_npm() {
  cmp -s "$1/package-lock.json" "$2/.installed" && return 0
  echo "davit: installing by npm, into $2: $(sed -n 's/^    "\([@a-z\/-]*\)": "\(.*\)",*$/\1/p' "$1/package.json" | tr '\n' ' ')"
  mkdir -p "$2"
  cp "$1/package.json" "$1/package-lock.json" tests/.npmrc "$2/"
  (cd "$2" && npm "$3" --no-audit --no-fund --loglevel=error >/dev/null)
  cp "$1/package-lock.json" "$2/.installed"
}

# The package with libFuzzer has the number of Debian's clang in its name.
install_fuzzer() {
  number=$(dpkg-query -W -f='${Depends}' clang 2>/dev/null | sed -n 's/.*clang-\([0-9]*\).*/\1/p')
  packages=${number:+libclang-rt-$number-dev}
  install_packages
}

install_packages
[ "$want" != test ] || install_fuzzer
[ "$want" = build ] || install_npm tests build/npm ci
# npm ci would want the parts of other systems in these lockfiles, too.
[ "$want" != test ] || install_npm tests/clients build/clients-npm install
[ "$want" != bench ] || install_npm tests/bench build/bench-npm install
