/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk doctor: looks whether this node can do what it should, and says what to mend. */

#include "commands.h"
#include "doctor.h"
#include "plugin_dir.h"
#include "root.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const words[] = { "ok", "warn", "fail" };

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

static int print_json(
        const struct findings *findings, enum finding_status worst, struct sd_error *err)
{
	sd_json *json = sd_json_object(), *checks = sd_json_array();

	for (size_t i = 0; i < findings->n; i++) {
		sd_json *check = sd_json_object();

		(void)sd_json_set_string(check, "status", words[findings->all[i].status]);
		(void)sd_json_set_string(check, "check", findings->all[i].name);
		(void)sd_json_set_string(check, "text", findings->all[i].text);
		(void)sd_json_append(checks, check);
	}
	(void)sd_json_set_string(json, "status", words[worst]);
	(void)sd_json_set(json, "checks", checks);
	return tool_print_json(json, false, err);
}

static void find_all(struct findings *findings, struct plugin_dir *dir, bool live)
{
	struct kubelet kubelet = { 0 };
	struct sd_error err = SD_ERROR_INIT;

	if (kubelet_find(&kubelet, &err) < 0) {
		findings_add(findings, FINDING_FAIL, "kubelet", "%s", err.text);
		return;
	}
	doctor_node(findings, &kubelet, live);
	doctor_driver(findings, &kubelet, dir->given ? dir->given : kubelet.plugin_dir);
	doctor_settings(findings);
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	static const struct option options[] = { PLUGIN_DIR_OPTIONS, COMMON_OPTIONS };
	static struct findings findings;
	struct plugin_dir dir = { 0 };
	enum finding_status worst = FINDING_OK;
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1)
		if (!plugin_dir_option(&dir, c, optarg))
			return TOOL_USAGE;
	if (argc != optind)
		return command_usage(self, err, "doctor takes no arguments");
	if (dir.root)
		sd_root_set(strcmp(dir.root, "/") == 0 ? "" : dir.root);
	find_all(&findings, &dir, !tool->sysroot);
	for (size_t i = 0; i < findings.n; i++) {
		const struct finding *finding = &findings.all[i];

		worst = finding->status > worst ? finding->status : worst;
		if (!tool->json)
			printf("%-4s  %s: %s\n", words[finding->status], finding->name,
			        finding->text);
	}
	if (tool->json && print_json(&findings, worst, err) < 0)
		return TOOL_FAILED;
	return worst == FINDING_FAIL ? TOOL_REFUSED : TOOL_OK;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "look whether this node is fit, and say what to mend",
	.arguments = "[OPTION...]",
	.help = PLUGIN_DIR_HELP,
	.run = run,
};
