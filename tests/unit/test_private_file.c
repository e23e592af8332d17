/* A file that gets its name when it is complete, also where the file system knows no hard links. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/private_file.h"

static struct ctl ctl;
static char dir[] = "/tmp/test-private-file-XXXXXX";
static const char *path;

/* What the file system says instead of doing it; 0 for none. */
static int link_error, rename_error;

/* In the place of those of libc. */
int link(const char *from, const char *to)
{
	if (link_error == 0)
		return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
	errno = link_error;
	return -1;
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	if (rename_error == 0)
		return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	errno = rename_error;
	return -1;
}

static void open_place(void)
{
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ctl.arena = arena_new();
	path = arena_printf(ctl.arena, "%s/file", dir);
	link_error = rename_error = 0;
}

static void close_place(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
	arena_free(&ctl.arena);
}

static void write_file(const char *name, const char *text)
{
	FILE *out = fopen(name, "wx");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	ck_assert_int_eq(fclose(out), 0);
}

static void check_file(const char *text)
{
	char found[16] = "";
	FILE *in = fopen(path, "r");

	ck_assert_ptr_nonnull(in);
	ck_assert_ptr_nonnull(fgets(found, sizeof(found), in));
	fclose(in);
	ck_assert_str_eq(found, text);
}

static void make(struct private_file *f, bool replace)
{
	struct err e;

	ck_assert_int_eq(private_file_name(&ctl, f, path, replace, &e), 0);
	ck_assert_int_eq(private_file_make(f, &e), 0);
	ck_assert_int_eq(write(f->fd, "ours", 4), 4);
}

static const struct {
	int link_error, rename_error;
	bool published;
} systems[] = {
	{ 0, 0, true },
	{ EPERM, 0, true },		/* FAT */
	{ 0, EINVAL, true },		/* NFS, FUSE */
	{ 0, ENOSYS, true },
	{ EPERM, EINVAL, false },
	{ 0, EIO, false },
};

START_TEST(published)
{
	struct private_file f;
	struct err e = { 0 };

	make(&f, false);
	link_error = systems[_i].link_error;
	rename_error = systems[_i].rename_error;
	ck_assert_int_eq(private_file_publish(&f, false, &e) == 0, systems[_i].published);
	private_file_drop(&f);
	ck_assert_int_ne(access(f.temporary, F_OK), 0);
	if (systems[_i].published)
		check_file("ours");
	else
		ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(one_that_came_meanwhile_stays)
{
	struct private_file f;
	struct err e;

	make(&f, false);
	write_file(path, "theirs");
	link_error = systems[_i].link_error;
	rename_error = systems[_i].rename_error;
	ck_assert_int_eq(private_file_publish(&f, false, &e), -1);
	private_file_drop(&f);
	ck_assert_int_ne(access(f.temporary, F_OK), 0);
	check_file("theirs");
}
END_TEST

/* Once it has its own name, the temporary one is somebody else's. */
START_TEST(temporary_name_of_another_stays)
{
	struct private_file f;
	struct err e;

	make(&f, _i != 0);
	ck_assert_int_eq(private_file_publish(&f, _i != 0, &e), 0);
	write_file(f.temporary, "theirs");
	private_file_drop(&f);
	ck_assert_int_eq(unlink(f.temporary), 0);
	check_file("ours");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("private_file");
	const int n = sizeof(systems) / sizeof(systems[0]);

	tcase_add_checked_fixture(t, open_place, close_place);
	tcase_add_loop_test(t, published, 0, n);
	tcase_add_loop_test(t, one_that_came_meanwhile_stays, 0, n);
	tcase_add_loop_test(t, temporary_name_of_another_stays, 0, 2);
	return unit_run("private_file", &t, 1);
}
