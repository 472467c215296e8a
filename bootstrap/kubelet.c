/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kubelet.h"
#include "cleanup.h"
#include "json.h"
#include "root.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#define USUAL_DIR "/usr/libexec/kubernetes/kubelet-plugins/volume/exec"

/* The flags' values; empty: not given. */
struct flags {
	char plugin_dir[PATH_MAX], root_dir[PATH_MAX], config[PATH_MAX], config_dir[PATH_MAX];
	char controller_attach[16], controller_dir[PATH_MAX];
};

static const struct {
	const char *name;
	size_t offset, size;
} known_flags[] = {
#define FLAG(flag, member)                                                                \
	{                                                                                 \
		flag, offsetof(struct flags, member), sizeof(((struct flags *)0)->member) \
	}
	FLAG("volume-plugin-dir", plugin_dir),
	FLAG("root-dir", root_dir),
	FLAG("config", config),
	FLAG("config-dir", config_dir),
	FLAG("flex-volume-plugin-dir", controller_dir),
	FLAG("enable-controller-attach-detach", controller_attach),
#undef FLAG
};

/* Takes one flag, "name=value" or "name" with the value in next. The last one counts, as for kubelet. */
static void take_flag(struct flags *flags, const char *flag, const char *next)
{
	for (size_t i = 0; i < SD_ARRAY_SIZE(known_flags); i++) {
		size_t n = strlen(known_flags[i].name);
		const char *value = flag[n] == '=' ? flag + n + 1 : next;

		if (strncmp(flag, known_flags[i].name, n) == 0 && (!flag[n] || flag[n] == '=') &&
		        value)
			(void)snprintf((char *)flags + known_flags[i].offset, known_flags[i].size,
			        "%s", value);
	}
}

/* k3s and RKE2 run a kubelet in a process of their own, and pass on what --kubelet-arg says. */
static void read_flags(struct flags *flags, const char *words, const char *end)
{
	static const char through[] = "--kubelet-arg";

	for (const char *word = words; word < end; word += strlen(word) + 1) {
		const char *next = word + strlen(word) + 1;

		if (next >= end)
			next = NULL;
		if (strncmp(word, through, sizeof(through) - 1) != 0) {
			if (strncmp(word, "--", 2) == 0)
				take_flag(flags, word + 2, next);
			continue;
		}
		word += sizeof(through) - 1;
		if (*word == '=')
			word++;
		else if (next)
			word = next;
		take_flag(flags, strncmp(word, "--", 2) == 0 ? word + 2 : word, NULL);
	}
}

static const char *program_of(const char *words)
{
	const char *slash = strrchr(words, '/');

	return slash ? slash + 1 : words;
}

static bool runs_kubelet(const char *words, const char *end)
{
	static const char *const names[] = { "kubelet", "k3s", "rke2", "hyperkube" };
	const char *name = program_of(words);
	const char *second = words + strlen(words) + 1;

	if (strcmp(name, names[0]) == 0)
		return true;
	for (size_t i = 1; i < SD_ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return second < end &&
			        (strcmp(second, "server") == 0 || strcmp(second, "agent") == 0 ||
			                strcmp(second, "kubelet") == 0);
	return false;
}

/* Reads /proc/PID/cmdline; returns the number of bytes, with a NUL after them. */
static size_t read_command(const char *pid, char *buf, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	size_t used = 0;
	ssize_t n = 1;

	if (sd_root_path(path, sizeof(path), "/proc/%s/cmdline", pid) == 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && n > 0 && used < size - 1) {
		n = read(fd, buf + used, size - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	buf[used] = '\0';
	return used;
}

static bool runs_controller(const char *words, const char *end)
{
	(void)end;
	return strcmp(program_of(words), "kube-controller-manager") == 0;
}

/* Its number and flags; 0: there is none. */
static int find_process(bool (*is_wanted)(const char *words, const char *end), struct flags *flags)
{
	_cleanup_closedir_ DIR *dir = NULL;
	static char words[64 << 10];
	char path[PATH_MAX];

	if (sd_root_path(path, sizeof(path), "/proc") == 0)
		dir = opendir(path);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		size_t n;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		n = read_command(entry->d_name, words, sizeof(words));
		if (n == 0 || !is_wanted(words, words + n))
			continue;
		read_flags(flags, words, words + n);
		return atoi(entry->d_name);
	}
	return 0;
}

/* A scalar in the first column of YAML, or in JSON: what both of kubelet's keys are. Returns 1 or 0. */
static int scalar(const char *text, const char *key, char *buf, size_t size)
{
	_cleanup_json_ sd_json *json = NULL;
	struct sd_error ignored = SD_ERROR_INIT;
	size_t n = strlen(key);
	const char *value;
	int flag;

	if (text[strspn(text, " \t\r\n")] == '{' &&
	        sd_json_parse(text, strlen(text), &json, &ignored) == 0) {
		value = sd_json_as_string(sd_json_get(json, key));
		if (!value && sd_json_as_bool(sd_json_get(json, key), &flag) == 1)
			value = flag ? "true" : "false";
		return value && snprintf(buf, size, "%s", value) > 0;
	}
	for (const char *line = text; line;
	        line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		char quote;

		if (strncmp(line, key, n) != 0 || line[n] != ':')
			continue;
		value = line + n + 1;
		value += strspn(value, " \t");
		quote = *value == '"' || *value == '\'' ? *value++ : '\0';
		n = quote ? strcspn(value, quote == '"' ? "\"\n" : "'\n")
		          : strcspn(value, " \t\r\n#");
		return n > 0 && snprintf(buf, size, "%.*s", (int)n, value) > 0;
	}
	return 0;
}

static int read_config(const char *path, struct kubelet *kubelet, char *controller, size_t size,
        struct sd_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return sd_error_errno(err, errno, "cannot read kubelet's configuration %s", path);
	r = sd_json_read_text(fd, path, &text, &len, err);
	if (r < 0)
		return r;
	if (scalar(text, "volumePluginDir", kubelet->plugin_dir, sizeof(kubelet->plugin_dir)))
		(void)snprintf(kubelet->found, sizeof(kubelet->found),
		        "volumePluginDir in kubelet's configuration");
	(void)scalar(text, "enableControllerAttachDetach", controller, size);
	return 0;
}

/* The file, then the *.conf of --config-dir by name, each counting more than those before it. */
static int read_configs(const struct flags *flags, struct kubelet *kubelet, char *controller,
        size_t size, struct sd_error *err)
{
	char path[PATH_MAX];
	glob_t more;
	int r = 0;

	(void)snprintf(kubelet->config, sizeof(kubelet->config), "%s", flags->config);
	if (flags->config[0] && sd_root_path(path, sizeof(path), "%s", flags->config) == 0)
		r = read_config(path, kubelet, controller, size, err);
	if (r < 0 || !flags->config_dir[0] ||
	        sd_root_path(path, sizeof(path), "%s/*.conf", flags->config_dir) < 0 ||
	        glob(path, 0, NULL, &more) != 0)
		return r;
	for (size_t i = 0; r == 0 && i < more.gl_pathc; i++)
		r = read_config(more.gl_pathv[i], kubelet, controller, size, err);
	globfree(&more);
	return r;
}

static bool exists(const char *path)
{
	char full[PATH_MAX];

	return sd_root_path(full, sizeof(full), "%s", path) == 0 && access(full, F_OK) == 0;
}

/*
 * Where kubelet is not told, or does not run yet: GKE's Container-Optimized OS and Flatcar have a read-only
 * /usr, and their kubelets are set up with these by custom; k0s has a path of its own.
 */
static const char *usual_dir(void)
{
	static const char cos[] = "/home/kubernetes", k0s[] = "/usr/libexec/k0s";
	static const char volatile_usr[] = "/var/lib/kubelet/volumeplugins";
	char line[256], path[PATH_MAX];
	_cleanup_fclose_ FILE *file = NULL;

	if (exists(k0s))
		return "/usr/libexec/k0s/kubelet-plugins/volume/exec";
	if (sd_root_path(path, sizeof(path), "/etc/os-release") == 0)
		file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "ID=cos") == 0 && exists(cos))
			return "/home/kubernetes/flexvolume";
		if (strcmp(line, "ID=flatcar") == 0 || strcmp(line, "ID=coreos") == 0 ||
		        strcmp(line, "ID=rancheros") == 0)
			return volatile_usr;
	}
	return USUAL_DIR;
}

int kubelet_pid(void)
{
	struct flags ignored = { 0 };

	return find_process(runs_kubelet, &ignored);
}

int kubelet_find(struct kubelet *ret, struct sd_error *err)
{
	struct kubelet kubelet = { .root_dir = "/var/lib/kubelet", .controller_attach = 1 };
	char controller[16] = "";
	struct flags flags = { 0 };
	int r;

	kubelet.controller_pid = find_process(runs_controller, &flags);
	(void)snprintf(kubelet.controller_dir, sizeof(kubelet.controller_dir), "%s",
	        flags.controller_dir[0] ? flags.controller_dir : USUAL_DIR);
	memset(&flags, 0, sizeof(flags));
	kubelet.pid = find_process(runs_kubelet, &flags);
	r = read_configs(&flags, &kubelet, controller, sizeof(controller), err);
	if (r < 0)
		return r;
	if (flags.root_dir[0])
		memcpy(kubelet.root_dir, flags.root_dir, sizeof(kubelet.root_dir));
	if (flags.controller_attach[0])
		memcpy(controller, flags.controller_attach, sizeof(controller));
	kubelet.controller_attach = strcmp(controller, "false") != 0;
	if (flags.plugin_dir[0]) {
		memcpy(kubelet.plugin_dir, flags.plugin_dir, sizeof(kubelet.plugin_dir));
		(void)snprintf(
		        kubelet.found, sizeof(kubelet.found), "kubelet's --volume-plugin-dir");
	} else if (!kubelet.plugin_dir[0]) {
		(void)snprintf(kubelet.plugin_dir, sizeof(kubelet.plugin_dir), "%s", usual_dir());
		(void)snprintf(kubelet.found, sizeof(kubelet.found), "%s",
		        kubelet.pid ? "kubelet's default" : "the default; no kubelet runs here");
	}
	*ret = kubelet;
	return 0;
}
