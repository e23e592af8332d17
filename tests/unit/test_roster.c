/* test_roster.c - random changes of recipients against a model that is plainly right; sizes. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"
#include "libhub/org/recipients.h"
#include "unit.h"

enum { PEOPLE = 300, ADDRESSES = 400, CLAIMS = 3, STEPS = 40000, MANY = 100000 };

/* One that is there claims some of the addresses, and has a name that others may take. */
struct person {
	bool there, seen;
	unsigned int name, version;
	unsigned int claims[CLAIMS], claim_count;
};

static struct recipients *r;
static struct person model[PEOPLE];
static uint64_t state;

static unsigned int any(unsigned int below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(state >> 33) % below;
}

static void uuid_of(unsigned int i, unsigned char uuid[16])
{
	memset(uuid, 0, 16);
	memcpy(uuid, &i, sizeof(i));
}

static void address_of(unsigned int n, char *out, size_t size)
{
	snprintf(out, size, "user%u@%s%u.example", n, n % 7 == 0 ? "sub.domain" : "d", n % 13);
}

static void put(unsigned int i)
{
	struct person *p = &model[i];
	char dn[80], addresses[CLAIMS][60], host[40];
	const char *list[CLAIMS];
	struct roster_entry e = { .has_uuid = true, .routing = "", .expansion = "" };
	unsigned int k;

	snprintf(dn, sizeof(dn), "uid=n%u,ou=o%u,o=x", p->name, p->name % 5);
	snprintf(host, sizeof(host), "mbx%u.example", p->version % 9);
	for (k = 0; k < p->claim_count; k++) {
		address_of(p->claims[k], addresses[k], sizeof(addresses[k]));
		list[k] = addresses[k];
	}
	uuid_of(i, e.uuid);
	e.dn = dn;
	e.mail = p->claim_count != 0 ? list[0] : "";
	e.host = p->claim_count != 0 ? host : "";
	e.addresses = list;
	e.address_count = p->claim_count;
	recipients_put_decoded(r, &e);
}

static void change(unsigned int i)
{
	struct person *p = &model[i];
	unsigned int k, j;

	p->name = any(PEOPLE);
	p->version++;
	for (p->claim_count = k = any(CLAIMS + 1); k > 0; k--) {
		p->claims[k - 1] = any(ADDRESSES);
		for (j = k; j < p->claim_count; j++)
			if (p->claims[j] == p->claims[k - 1])
				p->claims[k - 1] = ADDRESSES + k;
	}
	/* a name has one entry: the one that had it is gone */
	for (j = 0; j < PEOPLE; j++)
		if (j != i && model[j].name == p->name)
			model[j].there = false;
	p->there = p->seen = true;
	put(i);
}

static void refresh(void)
{
	unsigned char uuid[16];
	unsigned int i, missing = 0;

	recipients_refresh_begin(r, false);
	for (i = 0; i < PEOPLE; i++)
		model[i].seen = false;
	for (i = 0; i < PEOPLE; i++) {
		if (!model[i].there)
			continue;
		if (any(10) == 0) {
			missing += model[i].claim_count != 0;
		} else if (any(2) == 0) {
			put(i);
			model[i].seen = true;
		} else {
			uuid_of(i, uuid);
			recipients_present(r, uuid);
			model[i].seen = true;
		}
	}
	ck_assert_uint_eq(recipients_missing(r), missing);
	recipients_refresh_end(r);
	/* what changes before it is swept stays */
	recipients_sweep(r, any(PEOPLE));
	change(any(PEOPLE));
	while (recipients_sweep(r, 1 + any(20)))
		;
	for (i = 0; i < PEOPLE; i++)
		model[i].there = model[i].there && model[i].seen;
}

static void check_address(unsigned int n)
{
	struct recipient_info info;
	char address[60], host[40];
	unsigned int i, k, claims = 0, who = 0;

	address_of(n, address, sizeof(address));
	for (i = 0; i < PEOPLE; i++)
		for (k = 0; model[i].there && k < model[i].claim_count; k++)
			if (model[i].claims[k] == n) {
				claims++;
				who = i;
			}
	recipients_find(r, address, &info);
	ck_assert_int_eq(info.outcome, claims == 0 ? RECIPIENT_UNKNOWN :
		claims == 1 ? RECIPIENT_MAILBOX : RECIPIENT_AMBIGUOUS);
	if (claims == 1) {
		snprintf(host, sizeof(host), "mbx%u.example", model[who].version % 9);
		ck_assert_str_eq(info.mail_host, host);
		address_of(model[who].claims[0], address, sizeof(address));
		ck_assert_str_eq(info.mail, address);
	}
	recipient_info_clear(&info);
}

static void check(void)
{
	size_t there = 0, recipients = 0;
	unsigned int i;

	for (i = 0; i < PEOPLE; i++) {
		there += model[i].there;
		recipients += model[i].there && model[i].claim_count != 0;
	}
	ck_assert_uint_eq(recipients_entries(r), there);
	ck_assert_uint_eq(recipients_count(r), recipients);
	for (i = 0; i < ADDRESSES; i++)
		check_address(i);
}

START_TEST(random_changes)
{
	unsigned char uuid[16];
	unsigned int step, i;

	state = (uint64_t)_i + 1;
	for (step = 0; step < STEPS; step++) {
		i = any(PEOPLE);
		if (any(3) == 0) {
			uuid_of(i, uuid);
			recipients_delete(r, uuid);
			model[i].there = false;
		} else {
			change(i);
		}
		if (any(2000) == 0)
			refresh();
		if (any(500) == 0)
			check();
	}
	check();
}
END_TEST

/* --- what it takes --- */

static void put_many(unsigned int n, unsigned int version)
{
	char dn[80], address[60];
	const char *list[] = { address };
	struct roster_entry e = {
		.has_uuid = true, .routing = "", .host = "mbx1.example.com", .expansion = "",
		.dn = dn, .mail = address, .addresses = list, .address_count = 1,
	};

	for (unsigned int i = 0; i < n; i++) {
		snprintf(dn, sizeof(dn), "uid=user%u,ou=people,dc=example,dc=com", i);
		snprintf(address, sizeof(address), "user%u.%u@example.com", i, version);
		uuid_of(i, e.uuid);
		recipients_put_decoded(r, &e);
	}
}

START_TEST(stays_small)
{
	unsigned int version;
	size_t first;

	put_many(MANY, 1);
	first = recipients_memory(r);
	ck_assert_uint_lt(first / MANY, 120);
	/* garbage is used again, however often everything changes */
	for (version = 2; version < 6; version++)
		put_many(MANY, version);
	ck_assert_uint_eq(recipients_count(r), MANY);
	ck_assert_uint_lt(recipients_memory(r), first * 5 / 4 + (4 << 20));
	recipients_refresh_begin(r, false);
	recipients_refresh_end(r);
	recipients_sweep(r, SIZE_MAX);
	ck_assert_uint_eq(recipients_entries(r), 0);
	/* the indexes shrink when they are used again */
	ck_assert_uint_lt(recipients_memory(r), first / 2);
}
END_TEST

static void put_group(unsigned int n)
{
	const char **members = xcalloc(n, sizeof(*members)), *list[] = { "all@example.com" };
	struct roster_entry e = {
		.has_uuid = true, .group = true, .routing = "", .host = "", .expansion = "",
		.dn = "cn=all,dc=example,dc=com", .mail = list[0], .addresses = list,
		.address_count = 1, .members = members, .member_count = n,
	};
	unsigned int i;

	for (i = 0; i < n; i++)
		members[i] = xasprintf("uid=user%u,ou=people,dc=example,dc=com", i);
	uuid_of(PEOPLE + MANY, e.uuid);
	recipients_put_decoded(r, &e);
	for (i = 0; i < n; i++)
		free((char *)(uintptr_t)members[i]);
	free(members);
}

START_TEST(large_group)
{
	struct recipient_info info;
	unsigned int n;

	put_many(1000, 1);
	/* the last is larger than a block */
	for (n = 10; n <= MANY; n *= 10) {
		put_group(n);
		recipients_find(r, "all@example.com", &info);
		ck_assert_int_eq(info.outcome, RECIPIENT_GROUP);
		ck_assert_uint_eq(info.member_count, n < 1000 ? n : 1000);
		ck_assert_str_eq(info.members[9], "user9.1@example.com");
		recipient_info_clear(&info);
	}
	put_group(3);
	recipients_find(r, "all@example.com", &info);
	ck_assert_uint_eq(info.member_count, 3);
	recipient_info_clear(&info);
}
END_TEST

/* --- threads --- */

static atomic_bool stop;

static void *read_on(void *ctx)
{
	struct recipient_info info;
	size_t *wrong = ctx;

	while (!atomic_load(&stop)) {
		recipients_find(r, "all@example.com", &info);
		for (size_t i = 0; i < info.member_count; i++)
			*wrong += strncmp(info.members[i], "user", 4) != 0;
		recipient_info_clear(&info);
		recipients_find(r, "user7.1@example.com", &info);
		*wrong += info.outcome == RECIPIENT_AMBIGUOUS;
		recipient_info_clear(&info);
	}
	return NULL;
}

START_TEST(readers_on_other_threads)
{
	uint64_t until = clock_mono_ms() + 500;
	pthread_t threads[2];
	size_t wrong[2] = { 0, 0 };
	unsigned int version, i;

	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_on, &wrong[i]), 0);
	for (version = 1; clock_mono_ms() < until; version = 3 - version) {
		put_many(2000, version);
		put_group(1000 + version);
		recipients_refresh_begin(r, false);
		put_many(1000, version);
		recipients_refresh_end(r);
		recipients_sweep(r, SIZE_MAX);
	}
	atomic_store(&stop, true);
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_uint_eq(wrong[i], 0);
	}
}
END_TEST

static void set_up(void)
{
	memset(model, 0, sizeof(model));
	for (unsigned int i = 0; i < PEOPLE; i++)
		model[i].name = PEOPLE + i;
	r = recipients_new();
	recipients_set_loaded(r);
}

static void tear_down(void)
{
	recipients_free(&r);
}

int main(void)
{
	TCase *t = tcase_create("roster");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, random_changes, 0, 4);
	tcase_add_test(t, stays_small);
	tcase_add_test(t, large_group);
	tcase_add_test(t, readers_on_other_threads);
	return unit_run("roster", &t, 1);
}
