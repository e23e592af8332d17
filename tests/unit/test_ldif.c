/* test_ldif.c - libhub/directory/ldif: reading, refusals with file and line, writing and back. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libhub/directory/ldif.h"
#include "libhub/directory/draft.h"
#include "unit.h"

struct seen {
	struct arena *arena;
	struct entry *entries[16];
	size_t n;
};

static char dir[] = "/tmp/hub-test-ldif.XXXXXX";
static char path[sizeof(dir) + 16];

static void set_up(void)
{
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.ldif", dir);
}

static void tear_down(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void write_file(const char *text, size_t size)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, size, f), size);
	ck_assert_int_eq(fclose(f), 0);
}

static void on_entry(const struct entry *e, void *ctx)
{
	struct seen *s = ctx;

	ck_assert_uint_lt(s->n, 16);
	s->entries[s->n++] = entry_copy(s->arena, e);
}

static const char *value(const struct entry *e, const char *name, size_t k)
{
	size_t i;

	for (i = 0; i < e->n; i++)
		if (strcmp(e->attrs[i].name, name) == 0 && k < e->attrs[i].n)
			return (const char *)e->attrs[i].values[k].data;
	return NULL;
}

START_TEST(reads_content)
{
	static const char text[] =
		"version: 1\r\n"
		"# a comment that\n  goes on\n"
		"dn: cn=a,o=x\n"
		"objectClass: top\nobjectClass: hubObject\n"
		"cn: a\n"
		"description: one two\n  three\n four\n"
		"cn;lang-de: b\n"
		"entryUUID: 0123abcd-0000-4000-8000-00000000ffff\n"
		"\n\n"
		"dn:: Y249w6Qsbz14\n"
		"userPassword:: AAEC\n"
		"hubComment:\n";
	struct seen s = { .arena = arena_new() };
	struct err e = { 0 };

	write_file(text, sizeof(text) - 1);
	ck_assert_msg(ldif_read(path, on_entry, &s, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_str_eq(s.entries[0]->dn, "cn=a,o=x");
	ck_assert_uint_eq(s.entries[0]->n, 3);
	ck_assert_str_eq(value(s.entries[0], "objectClass", 1), "hubObject");
	ck_assert_str_eq(value(s.entries[0], "description", 0), "one two threefour");
	ck_assert_str_eq(value(s.entries[0], "cn", 1), "b");
	ck_assert(s.entries[0]->has_uuid);
	ck_assert_uint_eq(s.entries[0]->uuid[0], 0x01);
	ck_assert_uint_eq(s.entries[0]->uuid[15], 0xff);
	ck_assert_str_eq(s.entries[1]->dn, "cn=\xc3\xa4,o=x");
	ck_assert(!s.entries[1]->has_uuid);
	ck_assert_uint_eq(s.entries[1]->attrs[0].values[0].size, 3);
	ck_assert_mem_eq(s.entries[1]->attrs[0].values[0].data, "\0\1\2\0", 4);
	ck_assert_str_eq(value(s.entries[1], "hubComment", 0), "");
	arena_free(&s.arena);
}
END_TEST

static const struct { const char *text; size_t size; const char *reason; } refused[] = {
#define ROW(t, r) { t, sizeof(t) - 1, r }
	ROW("cn: a\n", ":1: a record must begin with dn:"),
	ROW("dn: o=x\ncn: a\ndn: o=y\n", ":3: dn: inside a record"),
	ROW("dn: o=x\nchangetype: add\ncn: a\n", ":2: a change record"),
	ROW("dn: o=x\n\ndn: o=y\ncn a\n", ":4: not \"attribute: value\""),
	ROW("dn: o=x\n: a\n", ":2: not \"attribute: value\""),
	ROW("dn: o=x\ncn:: a*b\n\n", ":2: bad base64"),
	ROW("dn: o=x\njpegPhoto:< file:///etc/passwd\n", ":2: a value from a URL"),
	ROW("dn: o=x\nentryUUID: 12\n", ":2: entryUUID is no UUID"),
	ROW(" x\n", ":1: a continuation of nothing"),
	ROW("version: 2\n", ":1: version is not 1"),
	ROW("dn: o=x\ncn: a\0b\n", ":2: NUL byte"),
	ROW("dn:: bz0AeA==\ncn: a\n", ":1: NUL byte in the DN"),
#undef ROW
};

START_TEST(refuses)
{
	struct seen s = { .arena = arena_new() };
	struct err e = { 0 };
	char expected[sizeof(path) + 64];

	write_file(refused[_i].text, refused[_i].size);
	ck_assert_int_eq(ldif_read(path, on_entry, &s, &e), -1);
	snprintf(expected, sizeof(expected), "%s%s", path, refused[_i].reason);
	ck_assert_msg(strncmp(e.text, expected, strlen(expected)) == 0, "%s", e.text);
	arena_free(&s.arena);
}
END_TEST

START_TEST(refuses_what_has_no_end)
{
	struct seen s = { .arena = arena_new() };
	struct err e = { 0 };
	size_t size = 5 * 1024 * 1024;
	char *text = xmalloc(size);

	memset(text, 'a', size);
	memcpy(text, "dn: o=x\ncn: ", 12);
	write_file(text, size);
	ck_assert_int_eq(ldif_read(path, on_entry, &s, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, ":2: line too long"));
	ck_assert_uint_eq(s.n, 0);
	free(text);
	arena_free(&s.arena);
}
END_TEST

START_TEST(missing_file)
{
	struct err e = { 0 };

	ck_assert_int_eq(ldif_read(path, on_entry, NULL, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
	ck_assert_ptr_nonnull(strstr(e.text, path));
}
END_TEST

/* Values that need base64 or folding come back as they were. */
static const char *const values[] = {
	"plain", "", " leading", "trailing ", ":colon", "<less", "two\nlines", "\xc3\xa4\xc3\xb6",
	"x", "long ...............................................................................",
	"# no comment", "\x01",
};
enum { VALUES = sizeof(values) / sizeof(values[0]) };

static const struct entry *sample(struct arena *a)
{
	struct draft r;
	size_t i;

	draft_init(&r, a);
	r.entry.dn = "cn=\xc3\xa4 b,o=x";
	ck_assert_int_eq(draft_add(&r, "entryUUID", 9, "0123abcd-0000-4000-8000-00000000ffff", 36,
		NULL), 0);
	for (i = 0; i < VALUES; i++)
		ck_assert_int_eq(draft_add(&r, "description", 11, values[i], strlen(values[i]),
			NULL), 0);
	ck_assert_int_eq(draft_add(&r, "userPassword", 12, "\0\1\0", 3, NULL), 0);
	return entry_copy(a, draft_entry(&r));
}

START_TEST(options)
{
	/* values of "a", and of the name itself, joined; apart; left out */
	static const struct {
		const char *name;
		size_t n[3], own[3];
	} rows[] = {
		{ "a", { 2, 2, 2 }, { 2, 2, 2 } }, { "A;BINARY", { 2, 2, 2 }, { 0, 0, 0 } },
		{ "a;lang-en", { 2, 1, 1 }, { 0, 1, 0 } },
		{ "a;range=0-9", { 2, 1, 1 }, { 0, 1, 0 } },
		{ "a;binary;x-b", { 2, 1, 1 }, { 0, 1, 0 } }, { "a;", { 2, 1, 1 }, { 0, 1, 0 } },
	};
	struct arena *a = arena_new();
	const struct entry_attr *own;
	struct draft r;
	size_t i, k;

	for (i = 0; i < 3 * sizeof(rows) / sizeof(rows[0]); i++) {
		k = i % 3;
		draft_init(&r, a);
		r.entry.dn = "o=x";
		r.options = (enum draft_options)k;
		ck_assert_int_eq(draft_add(&r, "a", 1, "x", 1, NULL), 0);
		ck_assert_int_eq(draft_add(&r, rows[i / 3].name, strlen(rows[i / 3].name), "y", 1,
			NULL), 0);
		ck_assert_uint_eq(entry_attr(draft_entry(&r), "a")->n, rows[i / 3].n[k]);
		own = entry_attr(draft_entry(&r), rows[i / 3].name);
		ck_assert_uint_eq(own != NULL ? own->n : 0, rows[i / 3].own[k]);
	}
	r.options = DRAFT_APART;
	ck_assert_int_eq(draft_add(&r, ";x-b", 4, "x", 1, NULL), -1);
	ck_assert_int_eq(draft_add(&r, "a;\n", 3, "x", 1, NULL), -1);
	arena_free(&a);
}
END_TEST

START_TEST(writes_and_reads_back)
{
	struct seen s = { .arena = arena_new() };
	struct err e = { 0 };
	struct ldif_writer *w = ldif_writer_open(path, &e);
	const struct entry *original = sample(s.arena);
	struct stat st;
	size_t i;

	ck_assert_msg(w != NULL, "%s", e.text);
	ldif_write(w, original, "a comment\nof two lines");
	ldif_write(w, original, NULL);
	ldif_write_comment(w, "end");
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_msg(ldif_writer_commit(&w, &e) == 0, "%s", e.text);
	ck_assert_ptr_null(w);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);

	ck_assert_msg(ldif_read(path, on_entry, &s, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_str_eq(s.entries[1]->dn, original->dn);
	ck_assert_mem_eq(s.entries[1]->uuid, original->uuid, 16);
	for (i = 0; i < VALUES; i++)
		ck_assert_str_eq(value(s.entries[1], "description", i), values[i]);
	ck_assert_mem_eq(s.entries[1]->attrs[1].values[0].data, "\0\1\0", 4);
	arena_free(&s.arena);
}
END_TEST

START_TEST(abort_leaves_the_old_file)
{
	struct err e = { 0 };
	struct seen s = { .arena = arena_new() };
	struct ldif_writer *w;

	write_file("dn: o=old\n", 10);
	w = ldif_writer_open(path, &e);
	ck_assert_ptr_nonnull(w);
	ldif_write(w, sample(s.arena), NULL);
	ldif_writer_abort(&w);
	ck_assert_int_eq(ldif_read(path, on_entry, &s, &e), 0);
	ck_assert_str_eq(s.entries[0]->dn, "o=old");
	arena_free(&s.arena);
}
END_TEST

START_TEST(uuid_text)
{
	unsigned char uuid[16];
	char text[ENTRY_UUID_TEXT];

	ck_assert_int_eq(entry_uuid_parse("0123ABCD-0000-4000-8000-00000000ffff", uuid), 0);
	entry_uuid_format(uuid, text);
	ck_assert_str_eq(text, "0123abcd-0000-4000-8000-00000000ffff");
	ck_assert_int_eq(entry_uuid_parse("0123ABCD-0000-4000-8000-00000000fff", uuid), -1);
	ck_assert_int_eq(entry_uuid_parse("0123ABCD-0000-4000-8000-00000000fffg", uuid), -1);
	ck_assert_int_eq(entry_uuid_parse("0123ABCD00000-4000-8000-00000000ffff", uuid), -1);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("ldif");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, reads_content);
	tcase_add_loop_test(t, refuses, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(t, refuses_what_has_no_end);
	tcase_add_test(t, missing_file);
	tcase_add_test(t, options);
	tcase_add_test(t, writes_and_reads_back);
	tcase_add_test(t, abort_leaves_the_old_file);
	tcase_add_test(t, uuid_text);
	return unit_run("ldif", &t, 1);
}
