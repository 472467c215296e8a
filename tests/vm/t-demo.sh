#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `make demo` shows is true: it stops at the first step that does not do what it should.
# vm: --disk nvme,size=512M --disk nvme,size=512M --disk nvme,size=64M
# timeout: 600
. "$SRC/tests/vm/lib.sh"

ok "the demo runs to its end, over a power cut" "$SRC/tests/vm/demo.sh"
is "in the second boot" "$BOOT" 2
done_testing
