/* test_recipients_file.c - the recipients on disk: followed, cut anywhere, damaged, refused. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "await.h"
#include "libhub/base/mem.h"
#include "libhub/org/recipients_file.h"
#include "unit.h"

enum { FEW = 12, MANY = 110000, FILE_MAX = 100 * 1000 };

static const char base[] = "o=x";
static struct loop *loop;
static struct recipients *r;
static struct recipients_file *file;
static char folder[] = "/tmp/hub-test-recipients.XXXXXX";
static char path[100];
static struct watch_point point;
static bool in_step;
static unsigned int written, failed;
static struct recipients_file_content content;

static bool give_point(struct watch_point *out, void *ctx)
{
	(void)ctx;
	*out = point;
	return in_step;
}

static void on_written(const struct err *e, void *ctx)
{
	(void)ctx;
	written += e == NULL;
	failed += e != NULL;
}

static const struct recipients_file_callbacks callbacks = { give_point, on_written };

static bool was_written(void *ctx)
{
	(void)ctx;
	return written > 0;
}

static bool has_failed(void *ctx)
{
	(void)ctx;
	return failed > 0;
}

static void uuid_of(unsigned int i, unsigned char uuid[16])
{
	memset(uuid, 0, 16);
	memcpy(uuid, &i, sizeof(i));
}

/* The cookie says how many changes there were. */
static void reach(unsigned int changes)
{
	snprintf(point.directory, sizeof(point.directory), "here");
	point.cookie.size = (size_t)snprintf(point.cookie.text, sizeof(point.cookie.text), "%u",
		changes);
}

static void put(unsigned int i, const char *host)
{
	char dn[60], address[60];
	const char *list[] = { address };
	struct roster_entry e = {
		.has_uuid = true, .routing = "", .expansion = "", .host = host, .dn = dn,
		.mail = address, .addresses = list, .address_count = 1,
	};

	snprintf(dn, sizeof(dn), "uid=user%u,ou=people,o=x", i);
	snprintf(address, sizeof(address), "user%u@x.example", i);
	uuid_of(i, e.uuid);
	recipients_put_decoded(r, &e);
}

static void delete(unsigned int i)
{
	unsigned char uuid[16];

	uuid_of(i, uuid);
	recipients_delete(r, uuid);
}

static bool knows(const struct recipients *in, unsigned int i)
{
	unsigned char uuid[16];

	uuid_of(i, uuid);
	return roster_find_uuid(recipients_roster(in), uuid) != 0;
}

static void open_file(const struct recipients_file_content *with)
{
	written = failed = 0;
	file = recipients_file_new(loop, path, base, r, with, &callbacks, NULL);
}

static int load(struct err *e)
{
	recipients_free(&r);
	r = recipients_new();
	memset(e, 0, sizeof(*e));
	return recipients_file_load(path, base, r, &content, e);
}

static unsigned int loaded_changes(void)
{
	char text[20] = "";

	ck_assert_uint_lt(content.point.cookie.size, sizeof(text));
	memcpy(text, content.point.cookie.text, content.point.cookie.size);
	return content.point.cookie.size != 0 ? (unsigned int)strtoul(text, NULL, 10) : 0;
}

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/recipients", folder);
	loop = loop_new("test");
	r = recipients_new();
	memset(&point, 0, sizeof(point));
	in_step = true;
}

static void tear_down(void)
{
	recipients_file_free(&file);
	recipients_free(&r);
	loop_free(&loop);
	unlink(path);
	rmdir(folder);
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
}

/* FEW are in the first part; as many come after it, and each third goes again. */
static void write_some(void)
{
	unsigned int i, changes = 0;

	for (i = 0; i < FEW; i++)
		put(i, "mbx1.example");
	open_file(NULL);
	reach(0);
	recipients_file_begin(file);
	AWAIT(loop, was_written, NULL, PATIENCE_MS);
	for (i = FEW; i < 2 * FEW; i++) {
		put(i, "mbx2.example");
		if (i % 3 == 0)
			delete(i - FEW);
		reach(++changes);
		recipients_file_moved(file);
		/* each change in a part of its own */
		recipients_file_free(&file);
		ck_assert_int_eq(load(&(struct err){ 0 }), 0);
		open_file(&content);
	}
	recipients_file_free(&file);
}

/* What was loaded covers at least the changes that its cookie says. */
static void check_prefix(void)
{
	unsigned int changes = loaded_changes(), i;

	ck_assert_uint_le(changes, FEW);
	for (i = FEW; i < FEW + changes; i++) {
		ck_assert(knows(r, i));
		if (i % 3 == 0)
			ck_assert(!knows(r, i - FEW));
	}
	for (i = FEW + changes; i < 2 * FEW; i++)
		if (i % 3 == 0 && !knows(r, i))
			ck_assert(knows(r, i - FEW));
}

static size_t read_file(unsigned char *bytes)
{
	FILE *f = fopen(path, "r");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(bytes, 1, FILE_MAX, f);
	fclose(f);
	return n;
}

static void write_file(const unsigned char *bytes, size_t n)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(reads_back_what_it_wrote)
{
	write_some();
	ck_assert_int_eq(load(&(struct err){ 0 }), 0);
	ck_assert_uint_eq(loaded_changes(), FEW);
	ck_assert_str_eq(content.point.directory, "here");
	ck_assert(!content.damaged);
	ck_assert_uint_eq(recipients_count(r), 2 * FEW - FEW / 3);
	check_prefix();
}
END_TEST

START_TEST(cut_anywhere)
{
	static unsigned char bytes[FILE_MAX];
	unsigned int last = 0, good = 0;
	size_t n, size;
	struct err e;

	write_some();
	n = read_file(bytes);
	for (size = 0; size < n; size++) {
		write_file(bytes, size);
		if (load(&e) != 0) {
			ck_assert_uint_eq(recipients_entries(r), 0);
			ck_assert_msg(good == 0, "%zu bytes: %s", size, e.text);
			continue;
		}
		good++;
		check_prefix();
		ck_assert_uint_ge(loaded_changes(), last);
		ck_assert(content.damaged == (content.size != size));
		last = loaded_changes();
	}
	ck_assert_uint_eq(last, FEW - 1);
	/* one that was cut is gone on with */
	write_file(bytes, n - 1);
	ck_assert_int_eq(load(&e), 0);
	open_file(&content);
	put(100, "mbx3.example");
	reach(FEW - 1);
	recipients_file_free(&file);
	ck_assert_int_eq(load(&e), 0);
	ck_assert(!content.damaged && knows(r, 100));
}
END_TEST

START_TEST(any_byte_damaged)
{
	static unsigned char bytes[FILE_MAX];
	size_t n, at, refused = 0;
	struct err e;

	write_some();
	n = read_file(bytes);
	for (at = 0; at < n; at++) {
		bytes[at] ^= 0x10;
		write_file(bytes, n);
		bytes[at] ^= 0x10;
		if (load(&e) != 0) {
			refused++;
			ck_assert_uint_eq(recipients_entries(r), 0);
			ck_assert_ptr_nonnull(strstr(e.text, path));
			continue;
		}
		ck_assert(content.damaged);
		check_prefix();
	}
	ck_assert_uint_ge(refused, content.base_size);
}
END_TEST

START_TEST(refused)
{
	static const char *const bad[] = { "", "hub recipients 0\n", "dn: o=x\n" };
	struct err e;
	size_t i;

	ck_assert_int_eq(load(&e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_file((const unsigned char *)bad[i], strlen(bad[i]));
		ck_assert_int_eq(load(&e), -1);
		ck_assert_int_ne(e.sys, ENOENT);
	}
	write_some();
	ck_assert_int_eq(recipients_file_load(path, "o=y", r, &content, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "another base"));
}
END_TEST

START_TEST(no_point_while_it_is_not_in_step)
{
	struct err e;

	write_some();
	ck_assert_int_eq(load(&e), 0);
	open_file(&content);
	in_step = false;
	reach(77);
	put(50, "mbx1.example");
	recipients_file_free(&file);
	ck_assert_int_eq(load(&e), 0);
	ck_assert(knows(r, 50));
	ck_assert_uint_eq(loaded_changes(), FEW);
}
END_TEST

/* The roster gives the number of a text that nobody names any more to the next text. */
START_TEST(texts_that_come_and_go_in_one_part)
{
	static const char *const hosts[] = { "a.example", "b.example", "c.example", "d.example" };
	struct recipient_info info;
	unsigned int i;

	open_file(NULL);
	recipients_file_begin(file);
	AWAIT(loop, was_written, NULL, PATIENCE_MS);
	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		put(1, hosts[i]);
	recipients_file_free(&file);
	ck_assert_int_eq(load(&(struct err){ 0 }), 0);
	recipients_set_loaded(r);
	recipients_find(r, "user1@x.example", &info);
	ck_assert_str_eq(info.mail_host, "d.example");
	recipient_info_clear(&info);
}
END_TEST

static bool is_short_again(void *ctx)
{
	struct stat st;

	return stat(path, &st) == 0 && (size_t)st.st_size < *(size_t *)ctx;
}

static bool is_long(void *ctx)
{
	struct stat st;

	return stat(path, &st) == 0 && (size_t)st.st_size > *(size_t *)ctx;
}

START_TEST(written_anew_when_it_is_long)
{
	size_t limit = 12 << 20;
	struct err e;
	unsigned int i, round;

	open_file(NULL);
	recipients_file_begin(file);
	AWAIT(loop, was_written, NULL, PATIENCE_MS);
	for (round = 0; round < 4; round++)
		for (i = 0; i < MANY; i++)
			put(i, round % 2 == 0 ? "mbx1.example" : "mbx2.example");
	AWAIT(loop, is_long, &limit, PATIENCE_MS);
	delete(7);
	AWAIT(loop, is_short_again, &limit, PATIENCE_MS);
	put(MANY, "mbx1.example");
	reach(5);
	recipients_file_free(&file);
	ck_assert_int_eq(load(&e), 0);
	ck_assert_uint_eq(recipients_count(r), MANY);
	ck_assert(!knows(r, 7) && knows(r, 8) && knows(r, MANY));
	ck_assert_uint_eq(loaded_changes(), 5);
}
END_TEST

START_TEST(cannot_be_written)
{
	snprintf(path, sizeof(path), "%s/none/recipients", folder);
	put(1, "mbx1.example");
	open_file(NULL);
	recipients_file_begin(file);
	AWAIT(loop, has_failed, NULL, PATIENCE_MS);
	ck_assert_uint_eq(written, 0);
	/* as soon as it can be it is */
	snprintf(path, sizeof(path), "%s/none", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	AWAIT(loop, was_written, NULL, PATIENCE_MS);
	recipients_file_free(&file);
	snprintf(path, sizeof(path), "%s/none/recipients", folder);
	ck_assert_int_eq(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/none", folder);
	ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("file");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, reads_back_what_it_wrote);
	tcase_add_test(t, cut_anywhere);
	tcase_add_test(t, any_byte_damaged);
	tcase_add_test(t, refused);
	tcase_add_test(t, no_point_while_it_is_not_in_step);
	tcase_add_test(t, texts_that_come_and_go_in_one_part);
	tcase_add_test(t, written_anew_when_it_is_long);
	if (unit_slow())
		tcase_add_test(t, cannot_be_written);
	return unit_run("recipients_file", &t, 1);
}
