# make | make demo | make test | make SAN=1 test | make bench [QUICK=1] | make fuzz | make install PREFIX=/usr DESTDIR=… | V=1 shows commands
PREFIX ?= /usr/local
CFLAGS ?= -O2 -g
PKGS   := lua5.4 lua5.4-cjson libuv libcurl libcares libpq sqlite3 yaml-0.1 libcrypto libsodium libarchive libzstd \
          libmicrohttpd gnutls
B      := build$(if $(SAN),/san)
Q      := $(if $(V),,@)

# Asked once and only by what compiles or links: "make demo" installs them first.
PKG_CFLAGS  = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS)))$(found)$(PKG_CFLAGS)
found       = $(if $(filter-out 0,$(.SHELLSTATUS)),$(error davit: "tests/setup.sh build" installs what is missing here))
PKG_LIBS    = $(eval PKG_LIBS := $(shell pkg-config --libs $(filter-out libarchive,$(PKGS))))$(PKG_LIBS)
VERSION    := 0.1.0
SANFLAGS   := $(if $(SAN),-fsanitize=address -fsanitize=undefined -fno-omit-frame-pointer)
ALL_CFLAGS  = -std=c11 -D_GNU_SOURCE -DDAVIT_VERSION='"$(VERSION)"' -Wall -Wextra -Wno-unused-parameter \
              -Ihost -I$B $(SANFLAGS) $(PKG_CFLAGS) $(CFLAGS)
# libwslay has no .pc file. Of libarchive only what reads and writes tar is linked, where it has a static library: the shared
# one brings libxml2, ICU and the C++ library, a quarter of the time that every start takes (see tarball_write.c).
LIBARCHIVE  = $(if $(filter /%,$(shell $(CC) -print-file-name=libarchive.a)),-l:libarchive.a,-larchive)
LIBS        = $(LIBARCHIVE) $(PKG_LIBS) -lwslay -lm
LUA        := $(sort $(shell find lua -name '*.lua'))
RECIPES    := $(sort $(wildcard recipes/*.lua))
OBJ        := $(patsubst %.c,$B/%.o,$(wildcard host/*.c))
UNITS      := $(patsubst tests/%.c,$B/%,$(wildcard tests/test_*.c))

all: $B/davit
	@:

$B/davit: $(OBJ)
	@echo "  LD   $@"
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$B/%.o: %.c Makefile
	@mkdir -p $(@D) && echo "  CC   $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Lua modules are compiled here, not at every start; recipes stay texts, which people read. See host/embed/embed.c.
$B/embed: $B/host/embed/embed.o
	@echo "  LD   $@"
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs lua5.4)
$B/lua/modules.inc: $(LUA) $B/embed
	@mkdir -p $(@D)
	$(Q)$B/embed code lua $(LUA) > $@
$B/recipes/recipes.inc: $(RECIPES) $B/embed
	@mkdir -p $(@D)
	$(Q)$B/embed text recipes $(RECIPES) > $@
# What the Lua in this build is: a run says which it was made by.
$B/lua/build.inc: $(LUA) Makefile
	@mkdir -p $(@D)
	$(Q)printf '"%s"\n' "$$(cat $(LUA) | sha256sum | cut -c1-16)" > $@
$B/host/core.o: $B/lua/build.inc
$B/host/builtin.o: $B/lua/modules.inc $B/recipes/recipes.inc

$B/test_%: $B/tests/test_%.o $(filter-out %/main.o,$(OBJ))
	@echo "  LD   $@"
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

# The contract of stores, and the kinds that keep it.
$B/test_store: $B/tests/store_kind_sqlite.o $B/tests/store_kind_postgres.o $B/tests/store_race.o
$B/test_store $B/test_store_postgres: $B/tests/postgres_server.o
# A server that misbehaves as a test tells it.
$B/peer: $B/tests/peer.o
	@echo "  LD   $@"
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
FUZZ_OBJ := $(patsubst %,$B/tests/%.o,fuzz/fuzz fuzz/sealed fuzz/unpack mask_case)
$B/test_fuzz: $(FUZZ_OBJ)
# The masker against a naive one.
$B/test_mask_stream: $B/tests/mask_case.o
# Preloaded by a test: it ends a program that pops what is still to be closed. A sanitizer has to be loaded first.
$B/closed.so: tests/closed.c
	@mkdir -p $(@D) && echo "  LD   $@"
	$(Q)$(CC) $(ALL_CFLAGS) -fPIC -shared -o $@ $<
units: $B/davit $B/peer $(UNITS) $(if $(SAN),,$B/closed.so)

# What the fuzzers have found so far stays in tests/fuzz/corpus, which every check replays. The short form
# is the same each time; make fuzz TIME=3600 searches, make fuzz-afl does it with AFL++.
FUZZ_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
$B/fuzz: $B/tests/fuzz/entry.o $(FUZZ_OBJ) $(filter-out %/main.o,$(OBJ))
	@echo "  LD   $@"
	$(Q)$(CC) $(SANFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(LIBS)
fuzz:
	+$(Q)tests/fuzz/run.sh clang build/fuzz '-fsanitize=fuzzer-no-link $(FUZZ_FLAGS)'
fuzz-afl:
	+$(Q)tests/fuzz/run.sh afl-clang-fast build/afl '$(FUZZ_FLAGS)'

# Both install what is missing before they build.
demo:
	$(Q)tests/setup.sh demo
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/demo.sh
test:
	$(Q)tests/setup.sh test
	$(Q)$(MAKE) --no-print-directory check
check: units
	$(Q)tests/run.sh $B $(UNITS)

# What things cost on this machine, beside what one would pick instead; writes docs/performance.md.
# QUICK=1: tiny rounds with what is installed, to see that they work. ONLY="http waiting": these, and no page.
bench:
	$(if $(QUICK),,$(Q)tests/setup.sh bench)
	$(Q)$(MAKE) --no-print-directory benches
	$(Q)QUICK=$(QUICK) $B/davit tests/bench/all.lua $(ONLY)
benches: $B/davit $(patsubst tests/bench/%.c,$B/bench/%,$(wildcard tests/bench/*.c))
$B/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -Wall -Wextra $(CFLAGS) -o $@ $< $(BENCH_LIBS)
$B/bench/curl_multi: BENCH_LIBS = -lcurl
$B/bench/hyperscan: BENCH_LIBS = $(shell pkg-config --libs libhs 2>/dev/null)
$B/bench/mask: $B/tests/bench/mask.o $(filter-out %/main.o,$(OBJ))
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$B/bench/connections: $B/tests/bench/connections.o $B/tests/postgres_server.o $(filter-out %/main.o,$(OBJ))
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

install: $B/davit
	install -D -m 755 $< $(DESTDIR)$(PREFIX)/bin/davit
clean:
	rm -rf build

.PHONY: all units demo test check bench benches fuzz fuzz-afl install clean
.SECONDARY:
.DELETE_ON_ERROR:
-include $(OBJ:.o=.d) $(wildcard $B/tests/*.d $B/tests/bench/*.d $B/tests/fuzz/*.d)
