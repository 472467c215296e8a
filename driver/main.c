/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worker: one request from the front, one verb, one answer. It has neither stdout nor stderr; if it
 * dies, the front answers for it.
 */
#include "call.h"
#include "cleanup.h"
#include "log.h"
#include "verbs.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* No core file and no ptrace by the same user: a Secret may be in our memory. */
static void forbid_dumps(void)
{
	const struct rlimit none = { 0, 0 };

	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
}

/*
 * What is freed goes back at once. By default glibc takes the first large block that is freed, the room
 * for a partition table, as a sign that many will follow, and keeps libblkid's buffers after it.
 */
static void keep_memory_small(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

static int run(const struct sd_call *call, const struct sd_verb *verb, struct sd_answer *answer,
        struct sd_error *err)
{
	if (call->n_args < verb->min || call->n_args > verb->max)
		return sd_error_set(err, EINVAL, "wrong number of arguments: %d instead of %d%s",
		        call->n_args, verb->min, verb->min == verb->max ? "" : " or more");
	return verb->run(call, answer, err);
}

/*
 * Takes back what the call with this token did; what cannot be taken back is said in the log. The copy
 * says that it is an undo, also when it is our own call's: taking the lock then leaves the record as it
 * is, token and all.
 */
static int undo(const struct sd_call *call, const struct sd_verb *verb)
{
	struct sd_call again = *call;
	struct sd_error err = SD_ERROR_INIT;

	again.undo = true;
	if (!verb->undo || call->n_args < verb->min || call->n_args > verb->max ||
	        verb->undo(&again, &err) == 0)
		return 0;
	sd_log(LOG_ERR, "%s: what was left half-done could not be undone: %s", verb->name,
	        err.text);
	return -err.code;
}

static char outcome(const struct sd_call *call, const struct sd_verb *verb, int r,
        struct sd_answer *answer, const struct sd_error *err)
{
	if (r == 0)
		return 'S';
	(void)snprintf(answer->message, sizeof(answer->message), "%s: %s", call->verb, err->text);
	if (r == -EOPNOTSUPP && !verb)
		return 'N';
	sd_log(LOG_ERR, "%s", answer->message);
	return 'F';
}

static int serve(const struct sd_call *call)
{
	const struct sd_verb *verb = sd_verb_find(call->verb);
	struct sd_answer answer = { .json = sd_json_object() };
	struct sd_error err = SD_ERROR_INIT;
	char status;
	int r;

	if (call->undo) {
		status = verb && undo(call, verb) == 0 ? 'S' : 'F';
		r = sd_call_answer(status, &answer, &err);
	} else {
		(void)sd_json_set_string(answer.json, "status", "");
		r = verb ? run(call, verb, &answer, &err)
		         : sd_error_set(&err, EOPNOTSUPP, "solodisk has no such verb");
		status = outcome(call, verb, r, &answer, &err);
		r = sd_call_answer(status, &answer, &err);
		/* The front's time was up and it has answered Failure: then a Failure it must be. */
		if (r < 0 && status == 'S' && verb) {
			sd_log(LOG_WARNING, "%s: %s; taking it back", call->verb, err.text);
			(void)undo(call, verb);
		}
	}
	sd_json_free(answer.json);
	return r < 0 ? 1 : 0;
}

static int refuse_request(const struct sd_error *why)
{
	struct sd_answer answer = { .json = sd_json_object() };
	struct sd_error err = SD_ERROR_INIT;
	int r;

	(void)sd_json_set_string(answer.json, "status", "");
	(void)snprintf(answer.message, sizeof(answer.message), "%s", why->text);
	r = sd_call_answer('F', &answer, &err);
	sd_json_free(answer.json);
	return r < 0 ? 1 : 0;
}

int main(void)
{
	struct sd_error err = SD_ERROR_INIT;
	struct sd_call call;
	int r;

	forbid_dumps();
	/* What ps shows, also when a bundle's loader was started. */
	(void)prctl(PR_SET_NAME, ".worker");
	keep_memory_small();
	umask(022);
	sd_json_init();
	sd_log_open("solodisk");
	if (sd_call_read(&call, &err) < 0)
		return refuse_request(&err);
	/* init never fails, so a broken config is every other verb's error. */
	r = sd_config_read(&call.config, &err);
	if (r < 0 && strcmp(call.verb, "init") != 0)
		r = refuse_request(&err);
	else
		r = serve(&call);
	sd_call_free(&call);
	return r;
}
