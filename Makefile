# SPDX-License-Identifier: GPL-2.0-or-later
#
# make            build everything into build/
# make check      install what is missing, run every test      (what CI runs, and README names)
# make demo       watch one disk go from blank to a pod and back, in a throw-away virtual machine
# make bench      measure, as ratios within one run
# make lint       clang-format, clang-tidy, cppcheck, gcc -fanalyzer, shellcheck
# make install    into DESTDIR and the usual directories
# make dist       a source archive in dist/
#
# SANITIZE=1      build with ASan and UBSan into build-asan/     WERROR=1   warnings are errors (CI)

VERSION := 0.1.0

ifdef SANITIZE
B := build-asan
else
B := build
endif

CC ?= gcc
PKGS := jansson blkid fdisk mount smartcols uuid
pkg = $(shell pkg-config $(1) $(2) 2>/dev/null)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wformat=2 -Wformat-truncation=0 \
	-Wvla -Wimplicit-fallthrough -Wlogical-op -Wduplicated-cond -Wnull-dereference -Wdate-time
HARDENING := -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -fcf-protection \
	-ftrivial-auto-var-init=zero
OPTIMIZE := -O2 -g

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
FRONT := $(wildcard driver/front*.c)
WORKER := $(patsubst %.c,$(B)/%.o,$(filter-out $(FRONT),$(wildcard driver/*.c)))
TOOL := $(patsubst %.c,$(B)/%.o,$(wildcard bootstrap/*.c))
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))

# The driver directory as kubelet sees it: the front, and dot files beside it.
FRONT_BIN := $(B)/disk
WORKER_BIN := $(B)/.worker
TOOL_BIN := $(B)/solodisk

all: $(FRONT_BIN) $(WORKER_BIN) $(TOOL_BIN)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -fPIE -c -o $@ $<

$(B)/libcore.a: $(CORE)
	@rm -f $@
	$(AR) rcs $@ $^

# The front: static, libc only, so that it starts in half a millisecond and in a root without libraries.
# It is never built with sanitizers: ASan cannot be linked statically.
$(FRONT_BIN): $(FRONT) $(wildcard driver/front*.h) driver/core/cleanup.h Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(filter-out $(SANITIZERS) -MMD -MP,$(ALL_CFLAGS)) -static \
		-Wl,-z,relro,-z,now,--gc-sections -o $@ $(FRONT)

$(WORKER_BIN): $(WORKER) $(B)/libcore.a
	$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(TOOL_BIN): $(TOOL) $(B)/libcore.a
	$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# Unit tests: one cmocka program a module, each against the core library.
$(B)/tests/unit/%: tests/unit/%.c $(B)/libcore.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests/unit $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LIBS) -lcmocka

unit-programs: $(UNIT)

check-unit: $(UNIT)
	tests/unit/run $(UNIT)

clean:
	rm -rf build build-asan dist

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PHONY: all clean unit-programs check-unit
.DELETE_ON_ERROR:
