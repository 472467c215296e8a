/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"
#include "cleanup.h"
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BURST 25      /* events at once, as client-go allows */
#define PER_MS 0.0001 /* and one in ten seconds */
#define TEXT_MAX 1000 /* bytes of a message; the API server takes 1024 */

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void report_init(struct report *report, struct api *api, const char *node)
{
	*report = (struct report){ .api = api, .node = node, .tokens = BURST, .filled = now_ms() };
}

static bool take_token(struct report *report)
{
	uint64_t now = now_ms();

	report->tokens += (double)(now - report->filled) * PER_MS;
	report->filled = now;
	if (report->tokens > BURST)
		report->tokens = BURST;
	if (report->tokens < 1)
		return false;
	report->tokens -= 1;
	return true;
}

/*
 * kubectl looks for a node's events by a UID that is the node's name, as kubelet writes them
 * (pkg/kubelet/kubelet.go, nodeRef).
 */
static sd_json *involved_object(const struct report *report, const struct pv_view *pv)
{
	sd_json *json = sd_json_object();

	if (!json)
		return NULL;
	(void)sd_json_set_string(json, "apiVersion", "v1");
	(void)sd_json_set_string(json, "kind", pv ? "PersistentVolume" : "Node");
	(void)sd_json_set_string(json, "name", pv ? pv->name : report->node);
	(void)sd_json_set_string(json, "uid", pv ? pv->uid : report->node);
	return json;
}

static sd_json *metadata_of(const char *object)
{
	static unsigned counter;
	sd_json *json = sd_json_object();
	char name[320];
	struct timespec ts;

	if (!json)
		return NULL;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	(void)snprintf(name, sizeof(name), "%.220s.%016" PRIx64 "%04x", object,
	        (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec, counter++ & 0xffff);
	(void)sd_json_set_string(json, "name", name);
	(void)sd_json_set_string(json, "namespace", "default");
	return json;
}

static sd_json *make_event(const struct report *report, const struct pv_view *pv,
        enum severity severity, const char *reason, const char *text)
{
	sd_json *json = sd_json_object(), *source = sd_json_object();
	char when[40];
	time_t now = time(NULL);
	struct tm tm;

	if (!json || !source) {
		sd_json_free(json);
		sd_json_free(source);
		return NULL;
	}
	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	(void)sd_json_set_string(json, "apiVersion", "v1");
	(void)sd_json_set_string(json, "kind", "Event");
	(void)sd_json_set(json, "metadata", metadata_of(pv ? pv->name : report->node));
	(void)sd_json_set(json, "involvedObject", involved_object(report, pv));
	(void)sd_json_set_string(json, "type", severity == EVENT_WARNING ? "Warning" : "Normal");
	(void)sd_json_set_string(json, "reason", reason);
	(void)sd_json_set_string(json, "message", text);
	(void)sd_json_set_string(source, "component", "solodisk");
	(void)sd_json_set_string(source, "host", report->node);
	(void)sd_json_set(json, "source", source);
	(void)sd_json_set_string(json, "firstTimestamp", when);
	(void)sd_json_set_string(json, "lastTimestamp", when);
	(void)sd_json_set_int(json, "count", 1);
	return json;
}

/* An event that is lost is in the log all the same. */
static void on_sent(void *data, const struct api_answer *answer)
{
	(void)data;
	if (answer->err.code)
		sd_log(LOG_INFO, "an event was not taken: %s", answer->err.text);
}

static void send_event(struct report *report, const struct pv_view *pv, enum severity severity,
        const char *reason, const char *text)
{
	_cleanup_json_ sd_json *json = NULL;

	sd_log(severity == EVENT_WARNING ? LOG_WARNING : LOG_NOTICE, "%s%s%s: %s",
	        pv ? pv->name : "", pv ? ": " : "", reason, text);
	if (!report->api || !take_token(report)) {
		report->n_dropped++;
		return;
	}
	json = make_event(report, pv, severity, reason, text);
	if (json &&
	        api_send(report->api, API_CREATE_LAST, "/api/v1/namespaces/default/events", json,
	                on_sent, NULL, NULL, NULL) == 0)
		report->n_sent++;
}

void report_event(struct report *report, const struct pv_view *pv, enum severity severity,
        const char *reason, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	send_event(report, pv, severity, reason, text);
}

/* FNV-1a over strings and their ends. */
static uint64_t digest(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	while (*text++);
	return hash;
}

void conditions_begin(struct conditions *conditions)
{
	for (size_t i = 0; i < conditions->n; i++)
		conditions->is_found[i] = false;
}

/* Returns whether it is a new one; without memory it is taken for an old one. */
static bool note_condition(struct conditions *conditions, uint64_t key)
{
	uint64_t *known;
	bool *found;

	for (size_t i = 0; i < conditions->n; i++)
		if (conditions->known[i] == key) {
			conditions->is_found[i] = true;
			return false;
		}
	known = realloc(conditions->known, (conditions->n + 1) * sizeof(*known));
	if (known)
		conditions->known = known;
	found = realloc(conditions->is_found, (conditions->n + 1) * sizeof(*found));
	if (found)
		conditions->is_found = found;
	if (!known || !found)
		return false;
	known[conditions->n] = key;
	found[conditions->n++] = true;
	return true;
}

void conditions_find(struct conditions *conditions, struct report *report, const struct pv_view *pv,
        enum severity severity, const char *reason, const char *fmt, ...)
{
	char text[TEXT_MAX];
	uint64_t key;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	key = digest(UINT64_C(14695981039346656037), pv ? pv->uid : "");
	key = digest(digest(key, reason), text);
	if (note_condition(conditions, key))
		send_event(report, pv, severity, reason, text);
}

void conditions_end(struct conditions *conditions)
{
	size_t n = 0;

	for (size_t i = 0; i < conditions->n; i++)
		if (conditions->is_found[i])
			conditions->known[n++] = conditions->known[i];
	for (size_t i = 0; i < n; i++)
		conditions->is_found[i] = true;
	conditions->n = n;
}

void conditions_keep(struct conditions *conditions)
{
	for (size_t i = 0; i < conditions->n; i++)
		conditions->is_found[i] = true;
}

void conditions_clear(struct conditions *conditions)
{
	free(conditions->known);
	free(conditions->is_found);
	*conditions = (struct conditions){ 0 };
}
