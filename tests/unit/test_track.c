/* test_track.c - hubd/track: counters, CSV, the files of a log. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hubd/track/counters.h"
#include "hubd/track/csv.h"
#include "hubd/track/log_file.h"
#include "libhub/base/mem.h"
#include "unit.h"

/* --- counters --- */

/* OpenMetrics: one name's samples stand together, below its one line of help. */
START_TEST(test_names_of_counters)
{
	const struct counter_row *r = counter_row((enum counter)_i), *before;
	int i;

	ck_assert_ptr_nonnull(r->name);
	ck_assert_int_eq(r->label != NULL, r->value != NULL);
	before = _i == 0 ? NULL : counter_row((enum counter)(_i - 1));
	ck_assert_int_eq(r->help == NULL, before != NULL && strcmp(before->name, r->name) == 0);
	for (i = 0; i < _i; i++) {
		before = counter_row((enum counter)i);
		if (strcmp(before->name, r->name) != 0)
			continue;
		ck_assert_ptr_nonnull(r->label);
		ck_assert_str_eq(before->label, r->label);
		ck_assert_str_ne(before->value, r->value);
		ck_assert(r->help == NULL);
	}
}
END_TEST

START_TEST(test_counting)
{
	uint64_t before = counter_get(COUNTER_LIMIT_HOPS);

	counter_add(COUNTER_LIMIT_HOPS, 1);
	counter_add(COUNTER_LIMIT_HOPS, 2);
	ck_assert_uint_eq(counter_get(COUNTER_LIMIT_HOPS), before + 3);
}
END_TEST

/* --- CSV --- */

#define BYTES(s) s, sizeof(s) - 1

static const struct {
	const char *field;
	size_t n;
	const char *shown;
} csv_rows[] = {
	{ BYTES(""), "" },
	{ BYTES("MAIL FROM:<a@b.example>"), "MAIL FROM:<a@b.example>" },
	{ BYTES("a,b"), "\"a,b\"" },
	{ BYTES("say \"x\""), "\"say \"\"x\"\"\"" },
	{ BYTES("\""), "\"\"\"\"" },
	{ BYTES("a\r\n2026-01-01T00:00:00.000Z,forged"),
		"\"a\\x0D\\x0A2026-01-01T00:00:00.000Z,forged\"" },
	{ BYTES("a\0b"), "a\\x00b" },
	{ BYTES("tab\there"), "tab\\x09here" },
	{ BYTES("\x1b[31m\x7f"), "\\x1B[31m\\x7F" },
	{ BYTES("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f" },
	{ BYTES("latin \xfc"), "latin \\xFC" },
	{ BYTES("half \xc3"), "half \\xC3" },
	{ BYTES("overlong \xc0\xaf"), "overlong \\xC0\\xAF" },
	{ BYTES("surrogate \xed\xa0\x80"), "surrogate \\xED\\xA0\\x80" },
	{ BYTES("C1 \xc2\x9b"), "C1 \\xC2\\x9B" },
	{ BYTES("\xf0\x9f\x93\xa7"), "\xf0\x9f\x93\xa7" },
	{ BYTES("DOM\\anna"), "DOM\\anna" },
	{ BYTES("\\x0A"), "\\x5Cx0A" },
};

START_TEST(test_csv_field)
{
	struct csv c;

	csv_begin(&c);
	csv_put(&c, csv_rows[_i].field, csv_rows[_i].n);
	ck_assert_uint_eq(c.used, strlen(csv_rows[_i].shown));
	ck_assert_mem_eq(c.text, csv_rows[_i].shown, c.used);
}
END_TEST

START_TEST(test_csv_line)
{
	struct csv c;

	csv_begin(&c);
	csv_put_plain(&c, "+");
	csv_put(&c, NULL, 0);
	csv_put_uint(&c, 18446744073709551615u);
	csv_put_text(&c, NULL);
	csv_put_text(&c, "a,b");
	csv_end(&c);
	ck_assert_uint_eq(c.used, strlen("+,,18446744073709551615,,\"a,b\"\n"));
	ck_assert_mem_eq(c.text, "+,,18446744073709551615,,\"a,b\"\n", c.used);
}
END_TEST

/* The worst field three times, which is more than any log has. */
START_TEST(test_csv_bounds)
{
	static char big[100000];
	static const char said[] = " (97952 more bytes)";
	struct csv c;
	int i;

	memset(big, 1, sizeof(big));
	csv_begin(&c);
	for (i = 0; i < 3; i++)
		csv_put(&c, big, sizeof(big));
	csv_end(&c);
	ck_assert_uint_eq(c.used, 3 * (4 * CSV_FIELD_MAX + sizeof(said) - 1) + 3);
	ck_assert_mem_eq(c.text + 4 * CSV_FIELD_MAX, said, sizeof(said) - 1);
	/* not in the midst of a character */
	memset(big, 'x', CSV_FIELD_MAX - 1);
	memcpy(big + CSV_FIELD_MAX - 1, "\xc3\xbc", 2);
	csv_begin(&c);
	csv_put(&c, big, CSV_FIELD_MAX + 1);
	ck_assert_mem_eq(c.text + CSV_FIELD_MAX - 2, "x (2 more bytes)", c.used -
		(CSV_FIELD_MAX - 2));
}
END_TEST

/* --- files --- */

enum { FILE_SIZE = 1000, TOTAL_SIZE = 4000, DAY_MS = 24 * 3600 * 1000 };

static char folder[64];
static int64_t now_ms;

static int64_t test_clock(void)
{
	return now_ms;
}

static struct log_file *open_log(void)
{
	static const struct log_file_config cfg = { .folder = folder, .prefix = "RECV",
		.type = "Test Log", .fields = "a,b", .file_size = FILE_SIZE,
		.total_size = TOTAL_SIZE, .age_s = 30 * 24 * 3600, .now_ms = test_clock };

	return log_file_new(&cfg);
}

static void begin_files(void)
{
	snprintf(folder, sizeof(folder), "/tmp/test-track-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	strcat(folder, "/log/smtp");
	now_ms = 1795305599000;		/* 2026-11-21T23:59:59Z */
}

static void end_files(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %.*s", (int)(strlen(folder) -
		strlen("/log/smtp")), folder);
	ck_assert_int_eq(system(command), 0);
}

static char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* -1 if it is not there. */
static long size_of(const char *name)
{
	struct stat st;

	return stat(path_of(name), &st) == 0 ? (long)st.st_size : -1;
}

static const char *content_of(const char *name)
{
	static char text[4096];
	int fd = open(path_of(name), O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n] = '\0';
	close(fd);
	return text;
}

static void put(struct log_file *f, const char *line)
{
	struct err e;

	ck_assert_uint_eq(log_file_write(f, line, strlen(line), &e), strlen(line));
}

/* Lines of 100 bytes in one go. */
static void put_many(struct log_file *f, int n)
{
	char text[100 * 100 + 1], *p = text;
	struct err e;

	for (; n > 0; n--)
		p += sprintf(p, "%099d\n", n);
	ck_assert_uint_eq(log_file_write(f, text, (size_t)(p - text), &e), p - text);
}

START_TEST(test_file_header)
{
	struct log_file *f = open_log();

	put(f, "1,2\n");
	ck_assert_str_eq(content_of("RECV20261121-1.log"), "#Software: Hub Transport 0.1.0\n"
		"#Version: 1.0\n#Log-Type: Test Log\n#Date: 2026-11-21T23:59:59.000Z\n"
		"#Fields: a,b\n1,2\n");
	log_file_free(&f);
}
END_TEST

START_TEST(test_file_goes_on_after_a_restart)
{
	struct log_file *f = open_log();

	put(f, "1,2\n");
	log_file_free(&f);
	f = open_log();
	put(f, "3,4\n");
	ck_assert_ptr_nonnull(strstr(content_of("RECV20261121-1.log"), "a,b\n1,2\n3,4\n"));
	log_file_free(&f);
}
END_TEST

START_TEST(test_file_after_a_torn_line)
{
	struct log_file *f = open_log();
	int fd;

	put(f, "1,2\n");
	fd = open(path_of("RECV20261121-1.log"), O_WRONLY | O_APPEND);
	ck_assert_int_eq(write(fd, "3", 1), 1);
	close(fd);
	log_file_close(f);
	put(f, "5,6\n");
	ck_assert_ptr_nonnull(strstr(content_of("RECV20261121-1.log"), "1,2\n3"));
	ck_assert_ptr_nonnull(strstr(content_of("RECV20261121-2.log"), "a,b\n5,6\n"));
	log_file_free(&f);
}
END_TEST

/* Each file holds whole lines, the header and as many as fit. */
START_TEST(test_file_is_followed_when_full)
{
	struct log_file *f = open_log();
	long first, third;

	put_many(f, 20);
	first = size_of("RECV20261121-1.log");
	third = size_of("RECV20261121-3.log");
	ck_assert_int_le(first, FILE_SIZE);
	ck_assert_int_gt(first, FILE_SIZE - 100);
	ck_assert_int_eq(size_of("RECV20261121-2.log"), first);
	ck_assert_int_eq(size_of("RECV20261121-4.log"), -1);
	put(f, "1,2\n");
	ck_assert_int_eq(size_of("RECV20261121-3.log"), third + 4);
	log_file_free(&f);
}
END_TEST

START_TEST(test_file_of_one_long_line)
{
	struct log_file *f = open_log();
	char line[2001];

	memset(line, 'x', sizeof(line));
	line[1999] = '\n';
	line[2000] = '\0';
	put(f, "1,2\n");
	put(f, line);
	put(f, "3,4\n");
	ck_assert_int_gt(size_of("RECV20261121-2.log"), 2000);
	ck_assert_ptr_nonnull(strstr(content_of("RECV20261121-3.log"), "a,b\n3,4\n"));
	log_file_free(&f);
}
END_TEST

START_TEST(test_file_of_the_next_day)
{
	struct log_file *f = open_log();

	put_many(f, 10);
	now_ms += 1000;
	put(f, "1,2\n");
	ck_assert_int_gt(size_of("RECV20261121-2.log"), 0);
	ck_assert_ptr_nonnull(strstr(content_of("RECV20261122-1.log"), "a,b\n1,2\n"));
	log_file_free(&f);
}
END_TEST

START_TEST(test_total_removes_the_oldest)
{
	struct log_file *f = open_log();
	DIR *d;
	struct dirent *one;
	long total = 0;
	int fd = -1;

	put(f, "1,2\n");
	fd = open(path_of("RECV20261121-other.log"), O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	put_many(f, 100);
	now_ms += 1000;
	put_many(f, 10);
	d = opendir(folder);
	while ((one = readdir(d)) != NULL)
		if (one->d_name[0] != '.')
			total += size_of(one->d_name);
	closedir(d);
	ck_assert_int_le(total, TOTAL_SIZE);
	ck_assert_int_gt(total, TOTAL_SIZE - 2 * FILE_SIZE);
	ck_assert_int_eq(size_of("RECV20261121-1.log"), -1);
	ck_assert_int_gt(size_of("RECV20261121-13.log"), 0);
	ck_assert_int_gt(size_of("RECV20261122-2.log"), 0);
	ck_assert_int_eq(size_of("RECV20261121-other.log"), 0);
	log_file_free(&f);
}
END_TEST

START_TEST(test_age_removes)
{
	struct log_file *f = open_log();
	struct timespec written[2] = { { .tv_sec = now_ms / 1000 }, { .tv_sec = now_ms / 1000 } };

	put(f, "1,2\n");
	log_file_close(f);
	ck_assert_int_eq(utimensat(AT_FDCWD, path_of("RECV20261121-1.log"), written, 0), 0);
	now_ms += 30ll * DAY_MS;
	log_file_tidy(f);
	ck_assert_int_gt(size_of("RECV20261121-1.log"), 0);
	now_ms += 1000;
	log_file_tidy(f);
	ck_assert_int_eq(size_of("RECV20261121-1.log"), -1);
	log_file_free(&f);
}
END_TEST

START_TEST(test_file_taken_away)
{
	struct log_file *f = open_log();

	put(f, "1,2\n");
	ck_assert_int_eq(unlink(path_of("RECV20261121-1.log")), 0);
	put(f, "3,4\n");
	ck_assert_ptr_nonnull(strstr(content_of("RECV20261121-1.log"), "a,b\n3,4\n"));
	log_file_free(&f);
}
END_TEST

/* A failure loses its lines and nothing else. */
START_TEST(test_folder_cannot_be_made)
{
	struct log_file *f = open_log();
	char *above = xstrdup(folder);
	struct err e;
	int fd;

	*strrchr(above, '/') = '\0';
	fd = open(above, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_uint_eq(log_file_write(f, "1,2\n", 4, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "Not a directory"));
	ck_assert_int_eq(unlink(above), 0);
	put(f, "3,4\n");
	ck_assert_ptr_nonnull(strstr(content_of("RECV20261121-1.log"), "a,b\n3,4\n"));
	free(above);
	log_file_free(&f);
}
END_TEST

int main(void)
{
	TCase *counters = tcase_create("counters"), *csv = tcase_create("csv"),
	      *files = tcase_create("files");
	TCase *const all[] = { counters, csv, files };

	tcase_add_loop_test(counters, test_names_of_counters, 0, COUNTERS);
	tcase_add_test(counters, test_counting);
	tcase_add_loop_test(csv, test_csv_field, 0, (int)(sizeof(csv_rows) / sizeof(csv_rows[0])));
	tcase_add_test(csv, test_csv_line);
	tcase_add_test(csv, test_csv_bounds);
	tcase_add_checked_fixture(files, begin_files, end_files);
	tcase_add_test(files, test_file_header);
	tcase_add_test(files, test_file_goes_on_after_a_restart);
	tcase_add_test(files, test_file_after_a_torn_line);
	tcase_add_test(files, test_file_is_followed_when_full);
	tcase_add_test(files, test_file_of_one_long_line);
	tcase_add_test(files, test_file_of_the_next_day);
	tcase_add_test(files, test_total_removes_the_oldest);
	tcase_add_test(files, test_age_removes);
	tcase_add_test(files, test_file_taken_away);
	tcase_add_test(files, test_folder_cannot_be_made);
	return unit_run("track", all, sizeof(all) / sizeof(all[0]));
}
