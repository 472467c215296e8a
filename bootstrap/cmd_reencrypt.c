/* SPDX-License-Identifier: GPL-2.0-or-later */

/* solodisk reencrypt: a new volume key for a volume, all of it, while it may be in use. */

#include "cleanup.h"
#include "commands.h"
#include "crypt.h"
#include "encrypted.h"
#include "lock.h"
#include "log.h"
#include "progress.h"
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

struct arguments {
	struct key_arguments key;
	enum sd_kdf kdf;
	bool drop_others;
};

struct job {
	struct arguments *arguments;
	struct sd_key key;
	struct sd_disk disk;
	char id[SD_ID_SIZE];
	int mapping_fd; /* keeps the mapping open, and with its lock others from the same work */
	struct sd_reencryption *reencryption;
	enum sd_reencrypt_state state;
};

static volatile sig_atomic_t is_stopped;

static void stop(int signal)
{
	(void)signal;
	is_stopped = 1;
}

static int parse(struct tool *tool, const struct command *self, int argc, char **argv,
        struct arguments *arguments, struct sd_error *err)
{
	static const struct option options[] = {
		KEY_OPTIONS,
		{ "drop-other-keys", no_argument, NULL, 'o' },
		COMMON_OPTIONS,
	};
	int c;

	while ((c = command_getopt(tool, self, argc, argv, options, err)) != -1) {
		if (c == 'o')
			arguments->drop_others = true;
		else if (!key_option(&arguments->key, c, optarg))
			return TOOL_USAGE;
	}
	if (argc - optind != 1)
		return command_usage(self, err, "reencrypt takes one disk or volume");
	if (!key_source_is_given(&arguments->key.key))
		return command_usage(self, err, "reencrypt takes the volume's key");
	return key_kdf(self, arguments->key.kdf, &arguments->kdf, err);
}

static int hold_mapping(struct job *job, const struct sd_mapping *mapping, struct sd_error *err)
{
	int r;

	job->mapping_fd = open(mapping->node, O_RDONLY | O_CLOEXEC);
	if (job->mapping_fd < 0)
		return sd_error_errno(err, errno, "cannot open %s", mapping->node);
	r = sd_lock_disk(job->mapping_fd, LOCK_EX, mapping->node, 0, err);
	if (r < 0)
		return sd_error_wrap(err, "volume %s is being re-encrypted already", job->id);
	return 0;
}

/*
 * A killed re-encryption leaves the mapping on layers that nobody works at any more, and whoever writes
 * to the zone that was at work waits for ever. Opened anew, the library puts that zone right; pods that
 * use it cannot go on, as after a power cut.
 */
static int clear_killed(struct job *job, struct claim *claim, struct sd_error *err)
{
	int r;

	sd_log(LOG_WARNING,
	        "volume %s: an earlier re-encryption was killed at work; it is opened anew",
	        job->id);
	r = claim_check_unused(claim, err);
	if (r == -EBUSY) {
		job->state = SD_REENCRYPT_RESUMED; /* something was done, if not much */
		if (sd_crypt_cut_off(job->id, err) < 0)
			return -err->code;
		return sd_error_set(err, EBUSY,
		        "an earlier re-encryption of volume %s was killed at work; the volume's pods "
		        "get I/O errors from now on, and their data are as after a power cut: stop "
		        "them",
		        job->id);
	}
	(void)close(sd_steal_fd(job->mapping_fd));
	return r < 0 ? r : claim_make_idle(claim, err);
}

static int open_volume(struct job *job, struct claim *claim, struct sd_error *err)
{
	const struct sd_volume *volume = &claim->volume;
	struct sd_mapping mapping;
	bool was_open;
	int r;

	for (;;) {
		r = sd_crypt_open(volume->node, volume->devno, job->id, &job->key,
		        volume->disk.rotational, &mapping, &was_open, err);
		if (r == 0)
			r = hold_mapping(job, &mapping, err);
		if (r < 0)
			return r;
		if (!mapping.reencrypting)
			return sd_crypt_clear_layers(job->id, err);
		r = clear_killed(job, claim, err);
		if (r < 0)
			return r;
	}
}

/* Under the volume's locks, which the long work then does without: its pods come and go. */
static int begin(struct job *job, const char *word, struct sd_error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	const struct sd_volume *volume = &claim.volume;
	int r;

	r = encrypted_take(word, "reencrypt", &claim, err);
	if (r < 0)
		return r;
	job->disk = volume->disk;
	memcpy(job->id, volume->mark.id, sizeof(job->id));
	r = encrypted_key(&job->arguments->key.key, volume, &job->key, err);
	if (r == 0)
		r = open_volume(job, &claim, err);
	if (r < 0)
		return r;
	r = sd_crypt_reencrypt_begin(volume->node, job->id, &job->key, job->arguments->kdf,
	        volume->disk.rotational, job->arguments->drop_others, &job->reencryption,
	        &job->state, err);
	if (r < 0) {
		/* what was opened for this alone is closed; what is in use stays */
		(void)close(sd_steal_fd(job->mapping_fd));
		(void)claim_make_idle(&claim, NULL);
		return r;
	}
	if (job->state != SD_REENCRYPT_FINISHED)
		sd_log(LOG_NOTICE, "%s (%s): the re-encryption of volume %s %s", job->disk.name,
		        job->disk.wwid, job->id,
		        job->state == SD_REENCRYPT_RESUMED ? "goes on" : "begins");
	return 0;
}

static int finish(struct job *job, struct sd_error *err)
{
	_cleanup_claim_ struct claim claim = CLAIM_INIT;
	int r;

	sd_crypt_reencrypt_free(sd_steal(job->reencryption));
	r = claim_take(&job->disk, "reencrypt", &claim, err);
	if (r == 0 && strcmp(claim.volume.mark.id, job->id) != 0)
		r = sd_error_set(err, ESTALE, "the disk is volume %s now", claim.volume.mark.id);
	if (r == 0)
		r = sd_volume_partition(&claim.volume, err);
	if (r == 0)
		r = sd_crypt_reencrypt_finish(claim.volume.node, job->id, &job->key, err);
	if (r == 0)
		sd_log(LOG_NOTICE, "%s (%s): volume %s is re-encrypted", job->disk.name,
		        job->disk.wwid, job->id);
	return r;
}

/* The last pod may have gone meanwhile, and left the mapping to us. */
static void close_volume(struct job *job)
{
	_cleanup_claim_ struct claim claim = CLAIM_INIT;

	if (job->mapping_fd < 0)
		return;
	(void)close(sd_steal_fd(job->mapping_fd));
	if (claim_take(&job->disk, "reencrypt", &claim, NULL) == 0 &&
	        strcmp(claim.volume.mark.id, job->id) == 0)
		(void)claim_make_idle(&claim, NULL);
}

/* Killed in the midst, it would leave writers waiting: the kernel shall kill others when memory is short. */
static void avoid_kill(void)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	if (sd_root_path(path, sizeof(path), "/proc/self/oom_score_adj") == 0)
		fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)!write(fd, "-1000", 5);
}

static int tell(void *data, uint64_t done, uint64_t total)
{
	struct progress *progress = data;

	progress_tell(progress, 0, "re-encrypt", done, total);
	progress_draw(progress);
	return is_stopped;
}

static int work(const struct tool *tool, struct job *job, struct sd_error *err)
{
	const struct sigaction action = { .sa_handler = stop };
	_cleanup_progress_ struct progress *progress = NULL;
	int r;

	r = progress_new(tool, &job->disk, 1, &progress, err);
	if (r < 0)
		return r;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
	avoid_kill();
	r = sd_crypt_reencrypt_run(job->reencryption, tell, progress, err);
	progress_end(progress, 0);
	return r;
}

static int report(const struct tool *tool, const struct job *job, struct sd_error *err)
{
	sd_json *json;

	if (!tool->json) {
		printf("%s: volume %s is re-encrypted; its old volume key opens nothing\n",
		        job->disk.name, job->id);
		return 0;
	}
	json = encrypted_event("done", &job->disk, job->id);
	return json ? tool_print_json(json, false, err)
	            : sd_error_set(err, ENOMEM, "out of memory");
}

static int run(
        struct tool *tool, const struct command *self, int argc, char **argv, struct sd_error *err)
{
	struct arguments arguments = { 0 };
	struct job job = { .arguments = &arguments, .key = SD_KEY_INIT, .mapping_fd = -1 };
	int code, r;

	code = parse(tool, self, argc, argv, &arguments, err);
	if (code != TOOL_OK)
		return code;
	arguments.key.key.makes_keyslot = true;
	r = begin(&job, argv[optind], err);
	if (r == 0 && job.state != SD_REENCRYPT_FINISHED)
		r = work(tool, &job, err);
	if (r == 0)
		r = finish(&job, err);
	sd_crypt_reencrypt_free(job.reencryption);
	close_volume(&job);
	sd_key_free(&job.key);
	if (r == 0)
		r = report(tool, &job, err);
	if (r == 0)
		return TOOL_OK;
	if (job.state == SD_REENCRYPT_NONE)
		return tool_exit_code(err);
	sd_error_set(err, err->code, "%s; the same command goes on from here", err->text);
	return TOOL_FAILED;
}

const struct command cmd_reencrypt = {
	.name = "reencrypt",
	.summary = "Encrypt a volume anew with another volume key, also while it is mounted",
	.arguments = "[OPTION...] DISK|VOLUME",
	.help = "  --key SOURCE         the volume's key: file:NAME, secret:NAME or both:A,B\n"
	        "  --key-file PATH      it, or the Secret's value: the content of a file; -: of stdin\n"
	        "  --kdf KDF            of its keyslot: pbkdf2 (default) or argon2id\n"
	        "  --drop-other-keys    lose the keyslots of all other keys and of tokens\n",
	.changes_disks = true,
	.run = run,
};
