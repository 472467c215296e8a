# SPDX-License-Identifier: GPL-2.0-or-later
#
# make            build everything into build/
# make check      install what is missing, then run every test
# make check-e2e  the scenarios on a real Kubernetes, in a virtual machine; SCENARIOS="binding full": these
# make demo       watch two disks go from blank to a pod and back, in a throw-away virtual machine
# make bench      measure, as ratios within one run
# make lint       clang-format, clang-tidy, cppcheck, gcc -fanalyzer, shellcheck, mandoc
# make fuzz       the fuzzers, FUZZ_SECONDS each (make check: 10)
# make install    the node tool, its man pages and unit, and the driver in kubelet's plugin directory, below DESTDIR
# make bundle     driver and tool with every library that they need, into build/bundle
# make dist       source, bundle, bill of materials and checksums in dist/
#
# SANITIZE=1: ASan and UBSan, into build-asan/.  WERROR=1: warnings are errors.  V=1: show commands.

VERSION := 0.1.0

prefix ?= /usr
sbindir ?= $(prefix)/sbin
mandir ?= $(prefix)/share/man
unitdir ?= $(prefix)/lib/systemd/system
plugindir ?= # where `solodisk install` finds that it belongs

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

ifdef SANITIZE
B := build-asan
else
B := build
endif

CC ?= gcc
PKGS := jansson blkid fdisk mount smartcols uuid libuv libcurl libmicrohttpd
pkg = $(shell pkg-config $(1) $(2) 2>/dev/null)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wformat=2 -Wformat-truncation=0 \
	-Wvla -Wimplicit-fallthrough -Wlogical-op -Wduplicated-cond -Wnull-dereference -Wdate-time
HARDENING := -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -fcf-protection \
	-ftrivial-auto-var-init=zero
OPTIMIZE := -O2 -g -ffile-prefix-map=$(CURDIR)=.

ifdef SANITIZE
OPTIMIZE := -O1 -g -fno-omit-frame-pointer
HARDENING :=
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all
endif
ifdef WERROR
WARNINGS += -Werror
endif

CPPFLAGS += -D_GNU_SOURCE -DSD_VERSION='"$(VERSION)"' -iquote driver/core -iquote driver
ALL_CFLAGS := -std=gnu11 $(OPTIMIZE) $(WARNINGS) $(HARDENING) $(SANITIZERS) \
	-ffunction-sections -fdata-sections -MMD -MP $(call pkg,--cflags,$(PKGS)) $(CFLAGS)
ALL_LDFLAGS := -Wl,-z,relro,-z,now,--gc-sections,--as-needed $(SANITIZERS) $(LDFLAGS)
LIBS := $(call pkg,--libs,$(PKGS)) -ldl

CORE := $(patsubst %.c,$(B)/%.o,$(wildcard driver/core/*.c))
FRONT := $(wildcard driver/front*.c) driver/core/self.c
WORKER := $(patsubst %.c,$(B)/%.o,$(filter-out $(FRONT),$(wildcard driver/*.c)))
# bootstrap/start.c is the bundle's own: it starts the tool.
TOOL_SOURCES := $(filter-out bootstrap/start.c,$(wildcard bootstrap/*.c bootstrap/agent/*.c))
TOOL := $(TOOL_SOURCES:%.c=$(B)/%.o)
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))

# The driver directory as kubelet sees it: the front, and dot files beside it.
FRONT_BIN := $(B)/disk
WORKER_BIN := $(B)/.worker
TOOL_BIN := $(B)/solodisk

all: $(FRONT_BIN) $(WORKER_BIN) $(TOOL_BIN)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -fPIE -c -o $@ $<

$(B)/bootstrap/%.o: CPPFLAGS += -iquote bootstrap

$(B)/libcore.a: $(CORE)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^

# The front: static, libc only, so that it starts in half a millisecond and in a root without libraries.
# It is never built with sanitizers: ASan cannot be linked statically.
STATIC_FLAGS = $(CPPFLAGS) $(filter-out $(SANITIZERS) -MMD -MP,$(ALL_CFLAGS)) -static -Wl,-z,relro,-z,now,--gc-sections
$(FRONT_BIN): $(FRONT) $(wildcard driver/front*.h) driver/core/cleanup.h driver/core/self.h Makefile
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(STATIC_FLAGS) -o $@ $(FRONT)

# What starts the tool of a bundle, as static as the front.
START := bootstrap/start.c driver/core/self.c
$(B)/start: $(START) driver/core/cleanup.h driver/core/self.h Makefile
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(STATIC_FLAGS) -o $@ $(START)

# Everything that runs on any host, with its libraries and their loader (docs/design.md, "The bundle").
BUNDLE := $(B)/bundle
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y Makefile)
bundle: $(BUNDLE)/driver/disk
$(BUNDLE)/driver/disk: $(FRONT_BIN) $(WORKER_BIN) $(TOOL_BIN) $(B)/start bootstrap/bundle bootstrap/bundle_sbom.py \
		$(wildcard docs/man/*.8 bootstrap/*.service bootstrap/examples/* deploy/config.schema.json)
	$(call say,BUNDLE,$(BUNDLE))
	$(Q)SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) bootstrap/bundle --build $(B) --version $(VERSION) $(BUNDLE)

$(WORKER_BIN): $(WORKER) $(B)/libcore.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -pie $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# The node tool without its main(), so that unit tests and fuzzers can have parts of it.
$(B)/libtool.a: $(filter-out $(B)/bootstrap/main.o,$(TOOL))
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^

$(TOOL_BIN): $(B)/bootstrap/main.o $(B)/libtool.a $(B)/libcore.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -pie $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# Unit tests: one cmocka program a module, each against the libraries.
$(B)/tests/unit/%: tests/unit/%.c $(B)/libtool.a $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CPPFLAGS) -iquote bootstrap -iquote bootstrap/agent $(ALL_CFLAGS) -o $@ $(filter %.c %.a,$^) $(ALL_LDFLAGS) $(LIBS) -lcmocka

# Test-only programs that call the core, or a part of the node tool, from a guest's shell.
TOOLS := $(patsubst tests/vm/%.c,$(B)/tests/vm/%,$(wildcard tests/vm/*.c))
$(B)/tests/vm/%: tests/vm/%.c $(B)/libtool.a $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CPPFLAGS) -iquote bootstrap -iquote bootstrap/agent $(ALL_CFLAGS) -pie -fPIE -o $@ $(filter %.c %.a,$^) $(ALL_LDFLAGS) $(LIBS)

programs: all $(UNIT) $(TOOLS) deploy/chart/values.schema.json

# The chart refuses what the node would refuse: its schema has the configuration's in it.
deploy/chart/values.schema.json: deploy/config.schema.json
	$(call say,JQ,$@)
	$(Q)jq --slurpfile config $< \
		'."$$defs" = $$config[0]."$$defs" | .properties.config.properties = $$config[0].properties' $@ >$@.new
	$(Q)mv $@.new $@
ifndef SANITIZE
programs: bundle
endif

# The fuzzers: libFuzzer is clang's, so the core is built once more with it.
FUZZERS := $(patsubst tests/fuzz/%.c,build-fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_CFLAGS := -std=gnu11 -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -Wno-gnu-variable-sized-type-not-at-end $(call pkg,--cflags,$(PKGS))
build-fuzz/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CLANG,$@)
	$(Q)clang $(CPPFLAGS) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<
build-fuzz/tests/%.o build-fuzz/bootstrap/%.o: CPPFLAGS += -iquote bootstrap -iquote bootstrap/agent
build-fuzz/lib.a: $(patsubst %.c,build-fuzz/%.o,$(wildcard driver/core/*.c) \
	$(filter-out bootstrap/main.c,$(TOOL_SOURCES)))
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^
build-fuzz/fuzz_%: build-fuzz/tests/fuzz/fuzz_%.o build-fuzz/lib.a
	$(call say,LINK,$@)
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)
fuzzers: $(FUZZERS)
.SECONDARY:

FUZZ_SECONDS ?= 1800
fuzz: fuzzers
	tests/fuzz/run $(FUZZ_SECONDS) $(FUZZERS)

# The packages are looked up when make starts, so what was just installed needs a make of its own.
deps:
	@tests/install-deps

check: deps
	@tests/check

check-e2e: deps
	@$(MAKE) --no-print-directory -j$$(nproc) bundle
	@tests/e2e/run $(SCENARIOS)

demo: deps
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@tests/vm/guest --build $(B) --disk nvme,size=512M --disk nvme,size=512M --disk nvme,size=64M --merge \
		--timeout 300 -- tests/vm/demo.sh

bench: deps
	@$(MAKE) --no-print-directory -j$$(nproc) programs
	@tests/bench/run

lint: deps
	@tests/lint

# The tool and the man pages for this host; the driver as a bundle, as `solodisk install` puts it there on any node.
install: all bundle
	install -D -m 0755 $(TOOL_BIN) $(DESTDIR)$(sbindir)/solodisk
	install -D -m 0644 docs/man/solodisk.8 $(DESTDIR)$(mandir)/man8/solodisk.8
	install -D -m 0644 docs/man/solodisk-disk.8 $(DESTDIR)$(mandir)/man8/solodisk-disk.8
	install -D -m 0644 bootstrap/solodisk-prepare.service $(DESTDIR)$(unitdir)/solodisk-prepare.service
	$(TOOL_BIN) install --from $(BUNDLE)/driver --root $(or $(abspath $(DESTDIR)),/) $(if $(plugindir),--plugin-dir $(plugindir))

# A release: the source, the bundle, its bill of materials, and their checksums. The same commit and packages give
# the same bytes, wherever and whenever it is built: so it is built anew, and tar and gzip are told all that varies.
ARCH := $(shell dpkg --print-architecture 2>/dev/null || uname -m)
SOURCE := solodisk-$(VERSION)
RELEASE := solodisk-$(VERSION)-linux-$(ARCH)
TAR = tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$(SOURCE_DATE_EPOCH) --format=ustar --mode=go-w
dist:
	rm -rf build-dist dist
	@$(MAKE) --no-print-directory B=build-dist bundle
	@mkdir -p dist
	git archive --format=tar --prefix=$(SOURCE)/ HEAD | gzip -9n >dist/$(SOURCE).tar.gz
	$(TAR) --transform='s,^\.,$(RELEASE),' -C build-dist/bundle -c . | gzip -9n >dist/$(RELEASE).tar.gz
	cp build-dist/bundle/sbom.spdx.json dist/$(RELEASE).spdx.json
	cd dist && sha256sum -- * >SHA256SUMS

clean:
	rm -rf build build-asan build-fuzz build-dist dist

-include $(shell find $(B) build-fuzz -name '*.d' 2>/dev/null)

.PHONY: all bundle programs fuzzers fuzz deps check check-e2e demo bench lint install dist clean
.DELETE_ON_ERROR:
