/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "findings.h"

#include <stdarg.h>
#include <stdio.h>

void findings_add(struct findings *findings, enum finding_status status, const char *name,
        const char *fmt, ...)
{
	struct finding *finding;
	va_list ap;

	if (findings->n == sizeof(findings->all) / sizeof(findings->all[0])) {
		finding = &findings->all[findings->n - 1];
		finding->status = FINDING_FAIL;
		(void)snprintf(finding->text, sizeof(finding->text), "and more of the kind");
		return;
	}
	finding = &findings->all[findings->n++];
	finding->status = status;
	finding->name = name;
	va_start(ap, fmt);
	(void)vsnprintf(finding->text, sizeof(finding->text), fmt, ap);
	va_end(ap);
}
