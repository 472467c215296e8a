/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk doctor: looks whether this node can do what it should, and says what to mend. */

#include "cluster.h"
#include "commands.h"
#include "doctor.h"
#include "plugin_dir.h"
#include "root.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = { "ok", "warn", "fail" };

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

static void find_all(
        struct findings *findings, const struct plugin_dir *dir, enum managed managed, bool live)
{
	struct kubelet kubelet = { 0 };
	struct sd_error err = SD_ERROR_INIT;

	if (kubelet_find(&kubelet, &err) < 0) {
		findings_add(findings, FINDING_FAIL, "kubelet", "%s", err.text);
		return;
	}
	doctor_node(findings, &kubelet, live);
	doctor_driver(findings, &kubelet, managed, dir->given ? dir->given : kubelet.plugin_dir);
	doctor_settings(findings);
}

static int print(struct tool *tool, const struct findings *findings, struct sd_error *err)
{
	enum finding_status worst = FINDING_OK;

	for (size_t i = 0; i < findings->n; i++) {
		const struct finding *finding = &findings->all[i];

		worst = finding->status > worst ? finding->status : worst;
		if (!tool->json)
			printf("%-4s  %s: %s\n", words[finding->status], finding->name,
			        finding->text);
	}
	if (tool->json && print_json(findings, worst, err) < 0)
		return TOOL_FAILED;
	return worst == FINDING_FAIL ? TOOL_REFUSED : TOOL_OK;
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	static const struct option options[] = {
		PLUGIN_DIR_OPTIONS,
		{ "kubeconfig", required_argument, NULL, 'k' },
		{ "node-name", required_argument, NULL, 'n' },
		COMMON_OPTIONS,
	};
	static struct findings findings;
	const char *kubeconfig = NULL, *node = getenv("NODE_NAME");
	struct plugin_dir dir = { 0 };
	enum managed managed;
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (c == 'k')
			kubeconfig = optarg;
		else if (c == 'n')
			node = optarg;
		else if (!plugin_dir_option(&dir, c, optarg))
			return TOOL_USAGE;
	}
	if (argc != optind)
		return command_usage(self, err, "doctor takes no arguments");
	if ((kubeconfig && !node) || (node && !cluster_is_node_name(node)))
		return command_usage(self, err,
		        "which Node is this? --node-name NAME, or NODE_NAME in the environment");
	/* Its credentials are this container's, not below --root. */
	managed = doctor_ask_cluster(&findings, kubeconfig, node);
	if (dir.root)
		sd_root_set(strcmp(dir.root, "/") == 0 ? "" : dir.root);
	find_all(&findings, &dir, managed, !tool->sysroot);
	return print(tool, &findings, err);
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "look whether this node is fit, and say what to mend",
	.arguments = "[OPTION...]",
	.help = PLUGIN_DIR_HELP
	"  --kubeconfig FILE    ask this cluster too (default: in a pod its own)\n"
	"  --node-name NAME     of the Node; default: NODE_NAME in the environment\n",
	.run = run,
};
