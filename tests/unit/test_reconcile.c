/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile.h"
#include "cleanup.h"
#include "pv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GIB (UINT64_C(1) << 30)
#define ID_1 "11111111-1111-4111-8111-111111111111"
#define ID_2 "22222222-2222-4222-8222-222222222222"

/* Patterns by serial number: a disk's says which pool it is of. */
static struct pool_rule rules[] = {
	{ .serial = { (const char *[]){ "manual" }, 1 } },
	{ .serial = { (const char *[]){ "auto" }, 1 } },
	{ .serial = { (const char *[]){ "file" }, 1 } },
	{ .serial = { (const char *[]){ "secret" }, 1 } },
	{ .serial = { (const char *[]){ "both" }, 1 } },
	{ .serial = { (const char *[]){ "both" }, 1 } },
	{ .serial = { (const char *[]){ "block" }, 1 } },
};

#define POOL(n, i, ...)                                                              \
	{                                                                            \
		.name = (n), .storage_class = "c", .rules = &rules[i], .n_rules = 1, \
		.filesystem = "xfs", __VA_ARGS__                                     \
	}

static struct pool pools[] = {
	POOL("manual", 0, .automatic = false),
	POOL("auto", 1, .automatic = true),
	POOL("file", 2, .luks = true, .key = "file:k"),
	POOL("secret", 3, .luks = true, .key = "secret:k", .secret_name = "s"),
	POOL("both-1", 4, .luks = false),
	POOL("both-2", 5, .luks = false),
	{ .name = "block",
	        .storage_class = "c",
	        .rules = &rules[6],
	        .n_rules = 1,
	        .mode = VOLUME_BLOCK,
	        .automatic = true },
};

enum pv_of { NO_PV, OF_1, OF_2, FOREIGN };

struct disk_case {
	const char *serial; /* NULL: no such disk */
	enum survey_kind kind;
	enum sd_state state;
	const char *id;
	bool luks, grew, unsettled, rests, is_erased, is_empty;
	const char *failure, *elsewhere, *filesystem;
};

struct pv_case {
	const char *id; /* NULL: none */
	enum pv_phase phase;
	bool retains, is_going, is_busy, is_missing, is_block, is_reserved, is_claimed;
	uint64_t absent_s, capacity;
	const char *wwid, *hostname, *provisioner; /* NULL: the disk's, ours */
};

struct table_case {
	const char *name;
	struct disk_case disk, other;
	struct pv_case pv;
	const char *expected; /* the actions, in order */
};

#define VOLUME(serial_, state_) \
	.disk = { .serial = (serial_), .kind = SURVEY_OURS, .state = SD_STATE_##state_, .id = ID_1 }
#define RESERVED(phase_) \
	.pv = { .id = ID_1, .phase = PV_##phase_, .is_block = true, .is_reserved = true }
#define PV_IN(phase_) .pv = { .id = ID_1, .phase = PV_##phase_ }

static const struct table_case cases[] = {
	{ "a blank disk of no pool", .disk = { "none", SURVEY_BLANK }, .expected = "" },
	{ "a blank disk of a manual pool waits", .disk = { "manual", SURVEY_BLANK },
	        .expected = "say DiskWaits" },
	{ "a blank disk of an automatic pool is prepared", .disk = { "auto", SURVEY_BLANK },
	        .expected = "prepare auto" },
	{ "not while something is under way at it",
	        .disk = { "auto", SURVEY_BLANK, .unsettled = true }, .expected = "" },
	{ "not right after it failed; that is said",
	        .disk = { "auto", SURVEY_BLANK, .rests = true, .failure = "sector 7" },
	        .expected = "say DiskFailed" },
	{ "a disk of two pools is of none", .disk = { "both", SURVEY_BLANK },
	        .expected = "say PoolUnclear" },
	{ "a blank disk of an automatic pool of block volumes is prepared",
	        .disk = { "block", SURVEY_BLANK }, .expected = "prepare block" },
	{ "somebody else's disk is left, whatever the pool says", .disk = { "auto", SURVEY_TAKEN },
	        .expected = "say DiskLeft" },
	{ "somebody else's disk of no pool is nobody's business", .disk = { "none", SURVEY_TAKEN },
	        .expected = "" },
	{ "a disk that could not be told is left", .disk = { "auto", SURVEY_UNKNOWN },
	        .expected = "say DiskUnknown" },
	{ "a damaged volume is left", .disk = { "auto", SURVEY_DAMAGED },
	        .expected = "say VolumeDamaged" },

	{ "a ready volume is published", VOLUME("manual", READY), .expected = "publish manual" },
	{ "once", VOLUME("manual", READY), PV_IN(AVAILABLE), .expected = "" },
	{ "a ready volume of no pool is not", VOLUME("none", READY),
	        .expected = "say NotPublished" },
	{ "a ready volume of two pools is not", VOLUME("both", READY),
	        .expected = "say NotPublished" },
	{ "a plain volume in an encrypted pool is not", VOLUME("file", READY),
	        .expected = "say NotPublished" },
	{ "an encrypted one in an encrypted pool is",
	        .disk = { "file", SURVEY_OURS, SD_STATE_READY, ID_1, .luks = true },
	        .expected = "publish file" },
	{ "another filesystem than the pool's is not",
	        .disk = { "manual", SURVEY_OURS, SD_STATE_READY, ID_1, .filesystem = "ext4" },
	        .expected = "say NotPublished" },
	{ "what is published elsewhere is tried again, and said",
	        .disk = { "manual", SURVEY_OURS, SD_STATE_READY, ID_1, .elsewhere = "on node b" },
	        .expected = "say NotPublished, publish manual" },
	{ "another node's object of that name is not ours", VOLUME("manual", READY),
	        .pv = { ID_1, PV_AVAILABLE, .hostname = "b" }, .expected = "publish manual" },
	{ "the old object goes first", VOLUME("manual", READY), .pv = { ID_2, PV_RELEASED },
	        .expected = "delete" },
	{ "one that is kept does not stand in the way", VOLUME("manual", READY),
	        .pv = { ID_2, PV_RELEASED, .retains = true }, .expected = "publish manual" },
	{ "nor does one that is being deleted", VOLUME("manual", READY),
	        .pv = { ID_2, PV_RELEASED, .is_going = true }, .expected = "publish manual" },
	{ "a used volume without an object is never published", VOLUME("auto", USED),
	        .expected = "say VolumeWithoutPV" },
	{ "a bound one is left alone", VOLUME("manual", USED), PV_IN(BOUND), .expected = "" },
	{ "a failed one is never published", VOLUME("auto", FAILED),
	        .expected = "say VolumeFailed" },
	{ "one on another disk than it was published for", VOLUME("manual", USED),
	        .pv = { ID_1, PV_RELEASED, .wwid = "wwid-x" }, .expected = "say DiskMismatch" },

	{ "a released volume is erased", VOLUME("manual", USED), PV_IN(RELEASED),
	        .expected = "reclaim manual" },
	{ "even if it was never mounted", VOLUME("manual", READY), PV_IN(RELEASED),
	        .expected = "reclaim manual" },
	{ "and goes on being erased", VOLUME("manual", ERASING), PV_IN(RELEASED),
	        .expected = "reclaim manual" },
	{ "with Retain it is not", VOLUME("manual", USED),
	        .pv = { ID_1, PV_RELEASED, .retains = true }, .expected = "" },
	{ "nor when it is somebody else's to clean", VOLUME("manual", USED),
	        .pv = { ID_1, PV_RELEASED, .provisioner = "x" }, .expected = "" },
	{ "nor when the object is being deleted", VOLUME("manual", USED),
	        .pv = { ID_1, PV_RELEASED, .is_going = true }, .expected = "" },
	{ "nor while a request for it is under way", VOLUME("manual", USED),
	        .pv = { ID_1, PV_RELEASED, .is_busy = true }, .expected = "" },
	{ "a bound, available or failed one is not", VOLUME("manual", USED), PV_IN(FAILED),
	        .expected = "" },
	{ "an object of another node", VOLUME("manual", USED),
	        .pv = { ID_1, PV_RELEASED, .hostname = "b" }, .expected = "say VolumeWithoutPV" },
	{ "with a Secret's key it is erased and no more",
	        .disk = { "secret", SURVEY_OURS, SD_STATE_USED, ID_1, .luks = true },
	        PV_IN(RELEASED), .expected = "reclaim -" },
	{ "and then its object goes, and it waits for its key",
	        .disk = { "secret", SURVEY_OURS, SD_STATE_PREPARING, ID_2, .is_erased = true },
	        PV_IN(RELEASED), .expected = "delete, say DiskWaits" },
	{ "with a file's key it is made anew",
	        .disk = { "file", SURVEY_OURS, SD_STATE_PREPARING, ID_2, .is_erased = true },
	        PV_IN(RELEASED), .expected = "reclaim file" },
	{ "of no pool it is erased too", VOLUME("none", USED), PV_IN(RELEASED),
	        .expected = "reclaim -" },
	{ "an erase that was cut off by hand is not ours", VOLUME("manual", ERASING),
	        .expected = "say EraseInterrupted" },
	{ "a preparation that was cut off goes on in an automatic pool", VOLUME("auto", PREPARING),
	        .expected = "prepare auto" },
	{ "else it waits", VOLUME("manual", PREPARING), .expected = "say DiskWaits" },
	{ "a disk that was given back after its erase", .disk = { "manual", SURVEY_BLANK },
	        PV_IN(RELEASED), .expected = "delete" },

	{ "a volume on two disks is touched on neither", VOLUME("manual", USED),
	        .other = { "manual", SURVEY_OURS, SD_STATE_USED, ID_1 }, PV_IN(RELEASED),
	        .expected = "say VolumeTwice, say VolumeTwice" },
	{ "a disk that grew is followed",
	        .disk = { "manual", SURVEY_OURS, SD_STATE_USED, ID_1, .grew = true }, PV_IN(BOUND),
	        .expected = "grow" },
	{ "and its object", VOLUME("manual", USED), .pv = { ID_1, PV_BOUND, .capacity = 1 },
	        .expected = "raise 1073741824" },
	{ "but it never shrinks", VOLUME("manual", USED),
	        .pv = { ID_1, PV_BOUND, .capacity = 2 * GIB }, .expected = "" },
	{ "a disk that is away for a moment", PV_IN(BOUND), .pv.absent_s = 5, .expected = "" },
	{ "and for longer", PV_IN(BOUND), .pv.absent_s = 60,
	        .expected = "say DiskMissing, missing" },
	{ "which is noted once", .pv = { ID_1, PV_BOUND, .is_missing = true, .absent_s = 61 },
	        .expected = "say DiskMissing" },
	{ "nobody is missed while a disk is looked at",
	        .disk = { "none", SURVEY_TAKEN, .unsettled = true },
	        .pv = { ID_1, PV_BOUND, .absent_s = 60 }, .expected = "" },
	{ "but work at another one hides nobody",
	        .other = { "none", SURVEY_TAKEN, .unsettled = true },
	        .pv = { ID_1, PV_BOUND, .absent_s = 60, .wwid = "wwid-9" },
	        .expected = "say DiskMissing, missing" },
	{ "nor is one missed whose object is being deleted",
	        .pv = { ID_1, PV_RELEASED, .is_going = true, .absent_s = 60 }, .expected = "" },
	{ "and when it is back", VOLUME("manual", USED),
	        .pv = { ID_1, PV_BOUND, .is_missing = true }, .expected = "found" },

	{ "in block mode an empty volume is published, reserved",
	        .disk = { "block", SURVEY_OURS, SD_STATE_READY, ID_1, .is_empty = true },
	        .expected = "publish block" },
	{ "not one that holds something",
	        .disk = { "block", SURVEY_OURS, SD_STATE_READY, ID_1, .filesystem = "ext4" },
	        .expected = "say NotPublished" },
	{ "nor one that may hold anything", VOLUME("block", READY),
	        .expected = "say NotPublished" },
	{ "and an empty one is not for a pool of filesystems",
	        .disk = { "manual", SURVEY_OURS, SD_STATE_READY, ID_1, .is_empty = true },
	        .expected = "say NotPublished" },
	{ "then it is marked", VOLUME("block", READY), RESERVED(PENDING),
	        .expected = "mark block" },
	{ "also if it was let go unmarked, by hand perhaps", VOLUME("block", READY),
	        .pv = { ID_1, PV_BOUND, .is_block = true }, .expected = "mark block" },
	{ "not while something failed at it",
	        .disk = { "block", SURVEY_OURS, SD_STATE_READY, ID_1, .rests = true,
	                .failure = "x" },
	        RESERVED(AVAILABLE), .expected = "say DiskFailed" },
	{ "when it is marked it is let go", VOLUME("block", USED), RESERVED(AVAILABLE),
	        .expected = "let go" },
	{ "not if a claim has it already", VOLUME("block", USED),
	        .pv = { ID_1, PV_BOUND, .is_block = true, .is_reserved = true, .is_claimed = true },
	        .expected = "say NotPublished" },
	{ "nor twice at once", VOLUME("block", USED),
	        .pv = { ID_1, PV_AVAILABLE, .is_block = true, .is_reserved = true,
	                .is_busy = true },
	        .expected = "" },
	{ "a reserved one is never erased", VOLUME("block", USED), RESERVED(RELEASED),
	        .expected = "let go" },
	{ "without its object it is an operator's, marked or not", VOLUME("block", USED),
	        .expected = "say VolumeWithoutPV" },
	{ "one that is in use is left alone",
	        .disk = { "block", SURVEY_OURS, SD_STATE_USED, ID_1, .grew = true },
	        .pv = { ID_1, PV_BOUND, .is_block = true }, .expected = "" },
	{ "a released one is erased", VOLUME("block", USED),
	        .pv = { ID_1, PV_RELEASED, .is_block = true }, .expected = "reclaim block" },
	{ "a volume that was erased by hand under a bound object",
	        .disk = { "manual", SURVEY_OURS, SD_STATE_USED, ID_2 },
	        .pv = { ID_1, PV_BOUND, .absent_s = 60 },
	        .expected = "say VolumeWithoutPV, say VolumeGone" },
};

static void fill_disk(const struct disk_case *from, int number, struct disk_view *view,
        struct reconcile_disk *ret)
{
	*view = (struct disk_view){
		.kind = from->kind,
		.state = from->state,
		.size = GIB + (from->luks ? 16u << 20 : 0),
		.luks = from->luks,
		.grew = from->grew,
		.is_erased = from->is_erased,
		.is_empty = from->is_empty,
	};
	(void)snprintf(view->disk.name, sizeof(view->disk.name), "sd%c", 'a' + number);
	(void)snprintf(view->disk.wwid, sizeof(view->disk.wwid), "wwid-%d", number);
	(void)snprintf(view->disk.serial, sizeof(view->disk.serial), "%s", from->serial);
	(void)snprintf(view->id, sizeof(view->id), "%s", from->id ? from->id : "");
	(void)snprintf(view->filesystem, sizeof(view->filesystem), "%s",
	        from->filesystem ? from->filesystem : "");
	*ret = (struct reconcile_disk){
		.view = view,
		.is_settled = !from->unsettled,
		.rests = from->rests,
		.failure = from->failure ? from->failure : "",
		.elsewhere = from->elsewhere ? from->elsewhere : "",
	};
}

static void fill_pv(const struct pv_case *from, struct pv_view *pv, struct reconcile_pv *ret)
{
	static char name[SD_PV_NAME_SIZE], driver[] = PV_DRIVER, uid[] = "u", since[] = "then";
	static char wwid[64], hostname[64], provisioner[64];

	sd_id_pv_name(from->id, name);
	(void)snprintf(wwid, sizeof(wwid), "%s", from->wwid ? from->wwid : "wwid-0");
	(void)snprintf(hostname, sizeof(hostname), "%s", from->hostname ? from->hostname : "a");
	(void)snprintf(provisioner, sizeof(provisioner), "%s",
	        from->provisioner ? from->provisioner : PV_PROVISIONER);
	*pv = (struct pv_view){
		.name = name,
		.uid = uid,
		.phase = from->phase,
		.deletes = !from->retains,
		.is_going = from->is_going,
		.wwid = wwid,
		.hostname = hostname,
		.provisioner = provisioner,
		.driver = from->is_block ? NULL : driver,
		.is_block = from->is_block,
		.is_reserved = from->is_reserved,
		.is_claimed = from->is_claimed,
		.missing_since = from->is_missing ? since : NULL,
		.capacity = from->capacity ? from->capacity : GIB,
	};
	(void)snprintf(pv->id, sizeof(pv->id), "%s", from->id);
	*ret = (struct reconcile_pv){
		.pv = pv,
		.is_busy = from->is_busy,
		.absent_s = from->absent_s,
	};
}

static void describe(const struct action *action, char *ret, size_t size)
{
	const char *pool = action->pool ? action->pool->name : "-";

	switch (action->kind) {
	case ACT_SAY:
		(void)snprintf(ret, size, "say %s", action->reason);
		assert_true(action->text[0]);
		break;
	case ACT_PREPARE:
		(void)snprintf(ret, size, "prepare %s", pool);
		break;
	case ACT_PUBLISH:
		(void)snprintf(ret, size, "publish %s", pool);
		break;
	case ACT_RECLAIM:
		assert_int_not_equal(action->pv, NONE);
		(void)snprintf(ret, size, "reclaim %s", pool);
		break;
	case ACT_MARK:
		assert_int_not_equal(action->pv, NONE);
		(void)snprintf(ret, size, "mark %s", pool);
		break;
	case ACT_LET_GO:
		(void)snprintf(ret, size, "let go");
		break;
	case ACT_DELETE_PV:
		(void)snprintf(ret, size, "delete");
		break;
	case ACT_GROW:
		(void)snprintf(ret, size, "grow");
		break;
	case ACT_RAISE:
		(void)snprintf(ret, size, "raise %llu", (unsigned long long)action->capacity);
		break;
	case ACT_MARK_MISSING:
		(void)snprintf(ret, size, "missing");
		break;
	case ACT_MARK_FOUND:
		(void)snprintf(ret, size, "found");
		break;
	}
}

static void try(const struct table_case *test)
{
	const struct node_config config = { .pools = pools, .n_pools = SD_ARRAY_SIZE(pools) };
	struct disk_view views[2];
	struct reconcile_disk disks[2];
	struct pv_view view;
	struct reconcile_pv pv;
	struct world world = {
		.config = &config,
		.hostname = "a",
		.disks = disks,
		.pvs = &pv,
		.missing_after_s = 60,
	};
	struct actions actions;
	char got[500] = "", one[100];

	if (test->disk.serial)
		fill_disk(&test->disk, 0, &views[0], &disks[world.n_disks++]);
	if (test->other.serial)
		fill_disk(&test->other, 1, &views[1], &disks[world.n_disks++]);
	if (test->pv.id) {
		fill_pv(&test->pv, &view, &pv);
		world.n_pvs = 1;
	}
	reconcile(&world, &actions);
	for (size_t i = 0; i < actions.n; i++) {
		describe(&actions.action[i], one, sizeof(one));
		(void)snprintf(
		        got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? ", " : "", one);
	}
	actions_free(&actions);
	if (strcmp(got, test->expected) != 0)
		fail_msg("%s: got \"%s\", expected \"%s\"", test->name, got, test->expected);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < SD_ARRAY_SIZE(cases); i++)
		try(&cases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
