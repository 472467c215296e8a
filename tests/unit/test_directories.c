/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The directories as the agent has them, from a mount to a PersistentVolume and back, with an API server that
 * is a few lines of this file. What is a mount point is said by a recorded mountinfo.
 */

#include "directories.h"
#include "directory_entry.h"
#include "node.h"
#include "pv.h"
#include "sources.h"
#include "tree.h"

#include <fcntl.h>
#include <stdbool.h>

/* The agent, without its disks */

const struct source *const sources[] = { &directories_source, NULL };

static void on_wake(uv_timer_t *timer)
{
	directories_source.reconcile(timer->data);
}

void agent_wake_in(struct agent *agent, uint64_t ms)
{
	if (uv_is_active((uv_handle_t *)&agent->wake) && uv_timer_get_due_in(&agent->wake) <= ms)
		return;
	assert_int_equal(uv_timer_start(&agent->wake, on_wake, ms, 0), 0);
}

void agent_wake(struct agent *agent)
{
	agent_wake_in(agent, 1);
}

/* The API server */

struct api_request {
	struct api_request *next;
	api_done done;
	void *data;
	struct api_answer answer;
};

static sd_json *objects[8];
static unsigned n_versions;
static char events[16][1000];
static unsigned n_events;
static unsigned n_created, n_deleted, n_patched;
static struct api_request *pending;

static const char *metadata(const sd_json *object, const char *key)
{
	return sd_json_as_string(sd_json_get(sd_json_get(object, "metadata"), key));
}

static sd_json **place_of(const char *name)
{
	for (size_t i = 0; i < SD_ARRAY_SIZE(objects); i++)
		if (objects[i] && strcmp(metadata(objects[i], "name"), name) == 0)
			return &objects[i];
	return NULL;
}

static sd_json *object_of(const char *name)
{
	sd_json **place = place_of(name);

	return place ? *place : NULL;
}

static const char *annotation(const char *name, const char *key)
{
	sd_json *object = object_of(name);

	return sd_json_as_string(
	        sd_json_get(sd_json_get(sd_json_get(object, "metadata"), "annotations"), key));
}

static void new_version(sd_json *object)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", ++n_versions);
	assert_int_equal(
	        sd_json_set_string(sd_json_get(object, "metadata"), "resourceVersion", text), 0);
}

static sd_json *copy_of(const sd_json *object)
{
	_cleanup_free_ char *line = sd_json_line(object);
	sd_json *copy;

	assert_non_null(line);
	assert_int_equal(sd_json_parse(line, strlen(line), &copy, NULL), 0);
	return copy;
}

static void set_phase(sd_json *object, const char *phase)
{
	sd_json *status = sd_json_object();

	assert_int_equal(sd_json_set_string(status, "phase", phase), 0);
	assert_int_equal(sd_json_set(object, "status", status), 0);
	new_version(object);
}

static sd_json *add_object(const sd_json *body)
{
	sd_json *object = copy_of(body);
	size_t i = 0;

	while (objects[i])
		assert_true(++i < SD_ARRAY_SIZE(objects));
	objects[i] = object;
	n_created++;
	set_phase(object, "Pending");
	assert_int_equal(sd_json_set_string(sd_json_get(object, "metadata"), "uid",
	                         metadata(object, "resourceVersion")),
	        0);
	return object;
}

static int merge(const char *key, const sd_json *value, void *data, struct sd_error *err)
{
	(void)err;
	return sd_json_set_string(data, key, sd_json_as_string(value));
}

static int patch(sd_json *object, const sd_json *body)
{
	static const char *const kinds[] = { "labels", "annotations" };
	const char *version = metadata(body, "resourceVersion");

	if (version && strcmp(version, metadata(object, "resourceVersion")) != 0)
		return ESTALE;
	for (size_t i = 0; i < SD_ARRAY_SIZE(kinds); i++) {
		sd_json *of = sd_json_get(sd_json_get(object, "metadata"), kinds[i]);
		const sd_json *more = sd_json_get(sd_json_get(body, "metadata"), kinds[i]);

		if (!of) {
			of = sd_json_object();
			assert_int_equal(
			        sd_json_set(sd_json_get(object, "metadata"), kinds[i], of), 0);
		}
		assert_int_equal(sd_json_each(more, merge, of, NULL), 0);
	}
	n_patched++;
	new_version(object);
	return 0;
}

static int delete (sd_json **place, const sd_json *body)
{
	const sd_json *conditions = sd_json_get(body, "preconditions");
	const char *uid = sd_json_as_string(sd_json_get(conditions, "uid"));
	const char *version = sd_json_as_string(sd_json_get(conditions, "resourceVersion"));

	assert_non_null(uid);
	if (strcmp(uid, metadata(*place, "uid")) != 0 ||
	        (version && strcmp(version, metadata(*place, "resourceVersion")) != 0))
		return ESTALE;
	sd_json_free(*place);
	*place = NULL;
	n_deleted++;
	return 0;
}

static int answer(enum api_method method, const char *path, sd_json *body, sd_json **ret)
{
	const char *name = strrchr(path, '/') + 1;
	sd_json **place;

	if (strstr(path, "/events")) {
		(void)snprintf(events[n_events++ % SD_ARRAY_SIZE(events)], sizeof(events[0]), "%s",
		        sd_json_as_string(sd_json_get(body, "message")));
		return 0;
	}
	if (method == API_CREATE) {
		assert_string_equal(path, "/api/v1/persistentvolumes");
		if (object_of(metadata(body, "name")))
			return EEXIST;
		*ret = add_object(body);
		return 0;
	}
	place = place_of(name);
	if (!place)
		return ENOENT;
	if (method == API_DELETE)
		return delete (place, body);
	*ret = *place;
	return method == API_PATCH ? patch(*place, body) : 0;
}

int api_send(struct api *api, enum api_method method, const char *path, sd_json *body,
        api_done done, void *data, struct api_request **ret, struct sd_error *err)
{
	struct api_request *request = calloc(1, sizeof(*request)), **end = &pending;
	sd_json *object = NULL;
	int code;

	(void)api;
	(void)err;
	assert_non_null(request);
	code = answer(method, path, body, &object);
	request->done = done;
	request->data = data;
	if (code)
		(void)sd_error_set(&request->answer.err, code, "refused by the test");
	request->answer.body = object && !code ? copy_of(object) : NULL;
	while (*end)
		end = &(*end)->next;
	*end = request;
	if (ret)
		*ret = request;
	return 0;
}

void api_cancel(struct api_request *request)
{
	(void)request;
}

/* What else the agent's parts would call; nobody does here. */
int api_watch_start(struct api *api, const char *path, const char *selector,
        const struct api_listener *listener, struct api_watch **ret, struct sd_error *err)
{
	(void)api;
	(void)path;
	(void)selector;
	(void)listener;
	(void)ret;
	return sd_error_set(err, ENOSYS, "no watch");
}

void api_count(const struct api *api,
        void (*f)(void *data, const char *verb, int status, uint64_t n), void *data)
{
	(void)api;
	(void)f;
	(void)data;
}

static void deliver(void)
{
	while (pending) {
		struct api_request *request = pending;

		pending = request->next;
		request->done(request->data, &request->answer);
		sd_json_free(request->answer.body);
		free(request);
	}
}

/* The test */

#define DISKS "/mnt/disks"
static char disks[PATH_MAX];
static struct agent agent;

/* Makes the directory what a mount point is: mountinfo has it, with the mount that it really is on. */
static void write_mountinfo(const char *const *names, size_t n)
{
	_cleanup_close_ int fd = open(tree_root, O_PATH | O_CLOEXEC);
	_cleanup_fclose_ FILE *f = fopen(tree_path("/proc/self/mountinfo"), "we");
	int id;

	assert_non_null(f);
	assert_int_equal(directory_mount_id(fd, &id, NULL), 0);
	assert_true(fputs("1 0 0:1 / / rw - tmpfs tmpfs rw\n", f) >= 0);
	for (size_t i = 0; i < n; i++)
		assert_true(fprintf(f, "%d 1 0:9%zu / %s/%s rw - tmpfs tmpfs rw\n", id, i, disks,
		                    names[i]) > 0);
}

static void configure(const char *more)
{
	struct node_config config;
	char text[2 * PATH_MAX];

	(void)snprintf(text, sizeof(text),
	        "{\"directories\": [{\"path\": \"" DISKS "\", \"mountPath\": \"%s\", "
	        "\"storageClass\": \"fs\"%s}]}",
	        disks, more);
	assert_int_equal(node_config_parse("test", text, strlen(text), &config, NULL), 0);
	node_config_free(&agent.settings.config);
	agent.settings.config = config;
	agent.settings.n_loads++;
	agent_wake(&agent);
}

static int begin(void **state)
{
	struct sd_error err = SD_ERROR_INIT;

	if (tree_make(state) < 0)
		return -1;
	sd_json_init();
	(void)snprintf(disks, sizeof(disks), "%s/disks", tree_root);
	(void)tree_parents("/proc/self/mountinfo");
	(void)tree_parents("/disks/a/");
	(void)tree_parents("/disks/b/");
	write_mountinfo(NULL, 0);
	agent.node.name = strdup("node-a");
	agent.node.uid = strdup("1-2");
	agent.node.hostname = strdup("host-a");
	agent.node.is_known = agent.pvs.is_known = true;
	agent.metrics = metrics_new();
	if (uv_loop_init(&agent.loop) < 0 || uv_timer_init(&agent.loop, &agent.wake) < 0 ||
	        children_start(&agent.loop, &agent.children, &err) < 0)
		return -1;
	agent.wake.data = &agent;
	report_init(&agent.report, (struct api *)&pending, agent.node.name); /* there is one */
	return directories_source.start(&agent, &err);
}

static int end(void **state)
{
	directories_source.stop(&agent);
	children_close(&agent.children);
	uv_close((uv_handle_t *)&agent.wake, NULL);
	(void)uv_run(&agent.loop, UV_RUN_DEFAULT);
	directories_source.free(&agent);
	(void)uv_loop_close(&agent.loop);
	metrics_free(agent.metrics);
	node_config_free(&agent.settings.config);
	pvs_clear(&agent.pvs);
	free(agent.node.name);
	free(agent.node.uid);
	free(agent.node.hostname);
	for (size_t i = 0; i < SD_ARRAY_SIZE(objects); i++)
		sd_json_free(objects[i]);
	return tree_remove(state);
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

/* Lets the agent work until it is so; a minute is more than any machine needs. */
static void until(bool (*is_so)(const char *), const char *what)
{
	uint64_t late;
	uv_timer_t tick;

	assert_int_equal(uv_timer_init(&agent.loop, &tick), 0);
	assert_int_equal(uv_timer_start(&tick, on_tick, 10, 10), 0);
	uv_update_time(&agent.loop);
	late = uv_now(&agent.loop) + 60000;
	while (!is_so(what)) {
		deliver();
		(void)uv_run(&agent.loop, UV_RUN_ONCE);
		if (uv_now(&agent.loop) > late)
			fail_msg("it never was so: %s; %u events, the last: %s", what, n_events,
			        n_events ? events[(n_events - 1) % 16] : "");
	}
	deliver();
	uv_close((uv_handle_t *)&tick, NULL);
	(void)uv_run(&agent.loop, UV_RUN_NOWAIT);
}

static bool is_there(const char *name)
{
	return pvs_by_name(&agent.pvs, name) != NULL && object_of(name);
}

static bool is_gone(const char *name)
{
	return !pvs_by_name(&agent.pvs, name) && !object_of(name);
}

static bool was_told(const char *text)
{
	for (size_t i = 0; i < SD_ARRAY_SIZE(events); i++)
		if (strstr(events[i], text))
			return true;
	return false;
}

static unsigned made_before;
static bool is_made_anew(const char *name)
{
	return n_created > made_before && is_there(name);
}

/* FNV-1a of entry, Node and StorageClass. */
#define A "local-pv-55f2c645"
#define B "local-pv-b4d674"

static void look_again(void)
{
	_cleanup_fclose_ FILE *f = fopen(tree_path("/disks/tick"), "we");

	assert_non_null(f); /* inotify tells of it */
	assert_int_equal(unlink(tree_path("/disks/tick")), 0);
}

static void write_secret(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(tree_path(path), "we");

	assert_non_null(f);
	assert_true(fputs("secret", f) >= 0);
}

static void release(const char *name)
{
	set_phase(object_of(name), "Released");
	node_pv_put(&agent, object_of(name));
}

static void test_published(void **state)
{
	const char *names[] = { "a" };

	(void)state;
	write_mountinfo(names, 1);
	configure(", \"reclaimPolicy\": \"Delete\"");
	until(is_there, A);
	assert_string_equal(
	        sd_json_as_string(sd_json_get(
	                sd_json_get(sd_json_get(object_of(A), "spec"), "local"), "path")),
	        DISKS "/a");
	until(was_told, DISKS "/b: it is a plain directory");
	assert_null(object_of(B));
	assert_int_equal(n_created, 1);
}

static void test_new_mount(void **state)
{
	const char *names[] = { "a", "b" };

	(void)state;
	write_mountinfo(names, 2);
	look_again();
	until(is_there, B);
	assert_int_equal(n_created, 2);
}

static void test_withdrawn(void **state)
{
	const char *names[] = { "a", "b" };

	(void)state;
	set_phase(object_of(B), "Bound");
	node_pv_put(&agent, object_of(B));
	set_phase(object_of(A), "Available");
	node_pv_put(&agent, object_of(A));
	write_mountinfo(NULL, 0);
	look_again();
	until(is_gone, A);
	assert_true(is_there(B)); /* somebody's */
	assert_int_equal(n_deleted, 1);
	write_mountinfo(names, 2);
	look_again();
	until(is_there, A);
}

static void test_released(void **state)
{
	(void)state;
	(void)tree_parents("/disks/a/dir/");
	write_secret("/disks/a/dir/file");
	made_before = n_created;
	release(A);
	until(is_made_anew, A);
	assert_int_equal(access(tree_path("/disks/a/dir"), F_OK), -1);
	assert_int_equal(access(tree_path("/disks/a"), F_OK), 0);
	assert_null(annotation(A, PV_PROGRESS));
}

/* Not its data, nor its object: it is bound again by the time when the agent asks. */
static void test_released_no_more(void **state)
{
	unsigned deleted = n_deleted;

	(void)state;
	write_secret("/disks/a/file");
	set_phase(object_of(A), "Released");
	node_pv_put(&agent, object_of(A));
	set_phase(object_of(A), "Bound");
	until(was_told, DISKS "/a: refused by the test");
	assert_int_equal(access(tree_path("/disks/a/file"), F_OK), 0);
	assert_int_equal(n_deleted, deleted);
	node_pv_put(&agent, object_of(A));
}

/* Whom it belongs to is what the annotation says; taking over is one patch. */
static void test_static_provisioner(void **state)
{
	static const char body[] =
	        "{\"metadata\": {\"name\": \"local-pv-c086bc5b\", \"annotations\": "
	        "{\"pv.kubernetes.io/provisioned-by\": \"local-volume-provisioner-node-a-1-2\"}}, "
	        "\"spec\": {\"local\": {\"path\": \"" DISKS
	        "/c\"}, \"nodeAffinity\": {\"required\": "
	        "{\"nodeSelectorTerms\": [{\"matchExpressions\": [{\"key\": "
	        "\"kubernetes.io/hostname\", \"operator\": \"In\", \"values\": [\"host-a\"]}]}]}}}}";
	const char *names[] = { "a", "b", "c" };
	_cleanup_json_ sd_json *object = NULL;

	(void)state;
	assert_int_equal(sd_json_parse(body, strlen(body), &object, NULL), 0);
	(void)add_object(object);
	(void)tree_parents("/disks/c/");
	write_mountinfo(names, 3);
	look_again();
	until(was_told,
	        "local-volume-provisioner-node-a-1-2 has published PersistentVolume "
	        "local-pv-c086bc5b");
	assert_false(is_there("local-pv-c086bc5b"));
	configure(", \"reclaimPolicy\": \"Delete\", \"takeOver\": true");
	until(is_there, "local-pv-c086bc5b");
	assert_string_equal(annotation("local-pv-c086bc5b", PV_PROVISIONED_BY), PV_PROVISIONER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_new_mount),
		cmocka_unit_test(test_withdrawn),
		cmocka_unit_test(test_released),
		cmocka_unit_test(test_released_no_more),
		cmocka_unit_test(test_static_provisioner),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
