/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kubeconfig.h"
#include "cleanup.h"
#include "kubeconfig_private.h"
#include "library.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

/* Small, but only the few commands that ask an API server need it, and in a pod none of them does. */
#define YAML_FUNCTIONS(f)                                                                      \
	f(yaml_parser_initialize) f(yaml_parser_set_input_file) f(yaml_parser_load)            \
	        f(yaml_parser_delete) f(yaml_document_get_root_node) f(yaml_document_get_node) \
	                f(yaml_document_delete)

static struct {
	YAML_FUNCTIONS(SD_LIBRARY_MEMBER)
} yaml;

struct file {
	const char *path;
	yaml_document_t *document;
};

static yaml_node_t *member(const struct file *file, const yaml_node_t *map, const char *key)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	        pair < map->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = yaml.yaml_document_get_node(file->document, pair->key);

		if (name && name->type == YAML_SCALAR_NODE &&
		        strcmp((const char *)name->data.scalar.value, key) == 0)
			return yaml.yaml_document_get_node(file->document, pair->value);
	}
	return NULL;
}

/* NULL: absent, or empty, which means the same there. */
static const char *text_of(const struct file *file, const yaml_node_t *map, const char *key)
{
	const yaml_node_t *node = member(file, map, key);

	if (!node || node->type != YAML_SCALAR_NODE || node->data.scalar.length == 0 ||
	        strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
		return NULL;
	return (const char *)node->data.scalar.value;
}

/* In "clusters", "users" and "contexts": the entry with that name, and in it the part it is about. */
static int find_named(const struct file *file, const char *list, const char *part, const char *name,
        yaml_node_t **ret, struct sd_error *err)
{
	yaml_node_t *root = yaml.yaml_document_get_root_node(file->document);
	const yaml_node_t *entries = member(file, root, list);

	if (!entries || entries->type != YAML_SEQUENCE_NODE)
		return sd_error_set(err, EINVAL, "%s: there are no %s", file->path, list);
	for (yaml_node_item_t *item = entries->data.sequence.items.start;
	        item < entries->data.sequence.items.top; item++) {
		const yaml_node_t *entry = yaml.yaml_document_get_node(file->document, *item);
		const char *its_name = text_of(file, entry, "name");

		if (!its_name || strcmp(its_name, name) != 0)
			continue;
		*ret = member(file, entry, part);
		if (*ret && (*ret)->type == YAML_MAPPING_NODE)
			return 0;
	}
	return sd_error_set(
	        err, EINVAL, "%s: there is no %s with the name \"%s\"", file->path, part, name);
}

/* What would make us someone else, or less careful, is not passed over in silence. */
static int refuse(const struct file *file, const yaml_node_t *map, const char *const *keys,
        size_t n, const char *why, struct sd_error *err)
{
	for (size_t i = 0; i < n; i++) {
		const yaml_node_t *node = member(file, map, keys[i]);
		const char *text = text_of(file, map, keys[i]);

		if (!node || (node->type == YAML_SCALAR_NODE && (!text || !strcmp(text, "false"))))
			continue;
		return sd_error_set(
		        err, EINVAL, "%s: \"%s\" is refused: %s", file->path, keys[i], why);
	}
	return 0;
}

static int copy_text(const char *text, char **ret, struct sd_error *err)
{
	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? sd_error_set(err, ENOMEM, "out of memory") : 0;
}

/* A relative path counts from the file's own directory, as for kubectl. */
static int copy_path(const struct file *file, const char *path, char **ret, struct sd_error *err)
{
	const char *slash = strrchr(file->path, '/');

	if (!path || path[0] == '/' || !slash)
		return copy_text(path, ret, err);
	if (asprintf(ret, "%.*s/%s", (int)(slash - file->path), file->path, path) < 0) {
		*ret = NULL;
		return sd_error_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

/* "x-data" holds the thing itself, "x" its path; the first wins, as for kubectl. */
static int read_pem(const struct file *file, const yaml_node_t *map, const char *key,
        char **ret_path, struct sd_key *ret_data, struct sd_error *err)
{
	char data_key[64];
	const char *data;
	int r;

	(void)snprintf(data_key, sizeof(data_key), "%s-data", key);
	data = text_of(file, map, data_key);
	if (!data)
		return copy_path(file, text_of(file, map, key), ret_path, err);
	r = sd_key_from_long_base64(data, ret_data, err);
	return r < 0 ? sd_error_wrap(err, "%s: %s", file->path, data_key) : 0;
}

static int read_cluster(
        const struct file *file, const char *name, struct kubeconfig *config, struct sd_error *err)
{
	static const char *const insecure[] = { "insecure-skip-tls-verify" };
	static const char *const beyond[] = { "proxy-url", "tls-server-name" };
	const char *server;
	yaml_node_t *cluster;
	int r;

	r = find_named(file, "clusters", "cluster", name, &cluster, err);
	if (r == 0)
		r = refuse(file, cluster, insecure, SD_ARRAY_SIZE(insecure),
		        "the server's certificate is always verified", err);
	if (r == 0)
		r = refuse(file, cluster, beyond, SD_ARRAY_SIZE(beyond),
		        "the server is asked directly, by its own name", err);
	if (r < 0)
		return r;
	server = text_of(file, cluster, "server");
	if (!server)
		return sd_error_set(
		        err, EINVAL, "%s: the cluster \"%s\" has no \"server\"", file->path, name);
	r = kubeconfig_set_server(config, server, err);
	if (r < 0)
		return sd_error_wrap(err, "%s", file->path);
	return read_pem(file, cluster, "certificate-authority", &config->ca_file, &config->ca, err);
}

static int read_user(
        const struct file *file, const char *name, struct kubeconfig *config, struct sd_error *err)
{
	static const char *const programs[] = { "exec", "auth-provider" };
	static const char *const passwords[] = { "username", "password" };
	static const char *const others[] = { "as", "as-uid", "as-groups", "as-user-extra" };
	const char *token;
	yaml_node_t *user;
	int r;

	r = find_named(file, "users", "user", name, &user, err);
	if (r == 0)
		r = refuse(file, user, programs, SD_ARRAY_SIZE(programs),
		        "no program is run for credentials; use a token or a certificate", err);
	if (r == 0)
		r = refuse(file, user, passwords, SD_ARRAY_SIZE(passwords),
		        "API servers take no passwords any more; use a token or a certificate",
		        err);
	if (r == 0)
		r = refuse(file, user, others, SD_ARRAY_SIZE(others), "act as yourself", err);
	if (r == 0)
		r = read_pem(
		        file, user, "client-certificate", &config->cert_file, &config->cert, err);
	if (r == 0)
		r = read_pem(file, user, "client-key", &config->key_file, &config->key, err);
	if (r == 0)
		r = copy_path(file, text_of(file, user, "tokenFile"), &config->token_file, err);
	token = r == 0 && !config->token_file ? text_of(file, user, "token") : NULL;
	if (!token)
		return r;
	r = kubeconfig_set_token(config, token, strlen(token), err);
	return r < 0 ? sd_error_wrap(err, "%s", file->path) : 0;
}

static int read_context(const struct file *file, struct kubeconfig *config, struct sd_error *err)
{
	yaml_node_t *root = yaml.yaml_document_get_root_node(file->document), *context;
	const char *name, *cluster, *user;
	int r;

	if (!root || root->type != YAML_MAPPING_NODE)
		return sd_error_set(err, EINVAL, "%s is not a kubeconfig", file->path);
	name = text_of(file, root, "current-context");
	if (!name)
		return sd_error_set(err, EINVAL, "%s has no \"current-context\"", file->path);
	r = find_named(file, "contexts", "context", name, &context, err);
	if (r < 0)
		return r;
	cluster = text_of(file, context, "cluster");
	user = text_of(file, context, "user");
	if (!cluster || !user)
		return sd_error_set(err, EINVAL,
		        "%s: the context \"%s\" names no cluster or no user", file->path, name);
	r = read_cluster(file, cluster, config, err);
	return r < 0 ? r : read_user(file, user, config, err);
}

/* Tokens and keys were in it. */
static void free_document(yaml_document_t *document)
{
	for (yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++)
		if (node->type == YAML_SCALAR_NODE)
			explicit_bzero(node->data.scalar.value, node->data.scalar.length);
	yaml.yaml_document_delete(document);
}

static void free_parser(yaml_parser_t *parser)
{
	explicit_bzero(parser->raw_buffer.start,
	        (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
	explicit_bzero(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
	yaml.yaml_parser_delete(parser);
}

static int read_yaml(const char *path, FILE *f, struct kubeconfig *config, struct sd_error *err)
{
	yaml_document_t document;
	yaml_parser_t parser;
	int r;

	if (!yaml.yaml_parser_initialize(&parser))
		return sd_error_set(err, ENOMEM, "out of memory");
	yaml.yaml_parser_set_input_file(&parser, f);
	if (yaml.yaml_parser_load(&parser, &document)) {
		r = read_context(&(struct file){ path, &document }, config, err);
		free_document(&document);
	} else {
		r = sd_error_set(err, EINVAL, "%s is not valid YAML at line %zu", path,
		        parser.problem_mark.line + 1);
	}
	free_parser(&parser);
	return r;
}

int kubeconfig_read(const char *path, struct kubeconfig *ret, struct sd_error *err)
{
	static const char *const names[] = { YAML_FUNCTIONS(SD_LIBRARY_NAME) };
	_cleanup_(kubeconfig_free) struct kubeconfig config = { 0 };
	_cleanup_fclose_ FILE *f = NULL;
	int r;

	r = sd_library_load("libyaml-0.so.2", names, SD_ARRAY_SIZE(names), &yaml, err);
	if (r < 0)
		return r;
	f = fopen(path, "re");
	if (!f)
		return sd_error_errno(err, errno, "cannot open %s", path);
	(void)setvbuf(f, NULL, _IONBF, 0); /* its buffer would keep the secrets */
	r = read_yaml(path, f, &config, err);
	if (r == 0)
		r = kubeconfig_refresh(&config, err);
	if (r < 0)
		return r;
	*ret = config;
	config = (struct kubeconfig){ 0 };
	return 0;
}
