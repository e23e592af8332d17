/* test_agent.c - what delivery agents say, and their processes. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "await.h"
#include "hubd/agent/line.h"
#include "hubd/agent/process.h"
#include "unit.h"

/* --- lines --- */

static const struct {
	const char *line;
	enum agent_word word;
	bool all;
	uint64_t number;
	const char *status, *text;
} good[] = {
	{ "READY", AGENT_READY, false, 0, "", "" },
	{ "READY REQUIRETLS ", AGENT_READY, false, 0, "", "" },
	{ "DELIVERED 1", AGENT_DELIVERED, false, 1, "", "" },
	{ "DELIVERED * 2.1.5", AGENT_DELIVERED, true, 0, "2.1.5", "" },
	{ "RELAYED 7 2.0.0  to there ", AGENT_RELAYED, false, 7, "2.0.0", "to there" },
	{ "FAILED 999999999999999999 5.1.1 no", AGENT_FAILED, false, 999999999999999999, "5.1.1",
		"no" },
	{ "DEFERRED * 4.123.999 wait", AGENT_DEFERRED, true, 0, "4.123.999", "wait" },
	{ "FAIL-QUEUE 5.3.2 all\tof \xc3\xa4 it", AGENT_FAIL_QUEUE, false, 0, "5.3.2",
		"all?of ?? it" },
	{ "DEFER-QUEUE 0 4.3.2 x", AGENT_DEFER_QUEUE, false, 0, "4.3.2", "x" },
	{ "DEFER-QUEUE 86400 4.3.2 x", AGENT_DEFER_QUEUE, false, 86400, "4.3.2", "x" },
};

static const char *const bad[] = {
	"", " ", "READY now", "READY REQUIRETL", "READY REQUIRETLS now",
	"ready", "READYX", "DELIVERED", "DELIVERED x", "DELIVERED -1",
	"DELIVERED 1x", "DELIVERED 1 5.1.1 no", "DELIVERED 1 ok", "DELIVERED **",
	"DELIVERED 1000000000000000000", "FAILED 1", "FAILED 1 5.1.1", "FAILED 1 5.1.1  ",
	"FAILED 1 4.1.1 no", "FAILED 1 5.1 no", "FAILED 1 5..1 no", "FAILED 1 5.1.1.1 no",
	"FAILED 1 5.1234.1 no", "FAILED 1 5.1.1234 no", "FAILED 1 5.1. no", "FAILED 1 5x1.1 no",
	"FAILED 1 5.123.12345 no", "FAIL-QUEUE 1 5.1.1 no", "FAIL-QUEUE * 5.1.1 no",
	"DEFER-QUEUE 4.3.2 x", "DEFER-QUEUE * 4.3.2 x", "DEFER-QUEUE 86401 4.3.2 x", "QUIT",
};

START_TEST(good_lines)
{
	struct agent_line l;
	struct err e;

	ck_assert_msg(agent_line_parse(good[_i].line, strlen(good[_i].line), &l, &e) == 0,
		"%s: %s", good[_i].line, e.text);
	ck_assert_int_eq(l.word, good[_i].word);
	ck_assert_int_eq(l.heeds_tls, strstr(good[_i].line, "REQUIRETLS") != NULL);
	ck_assert_int_eq(l.all, good[_i].all);
	ck_assert_uint_eq(l.number, good[_i].number);
	ck_assert_str_eq(l.status, good[_i].status);
	ck_assert_str_eq(l.text, good[_i].text);
}
END_TEST

START_TEST(bad_lines)
{
	struct agent_line l;
	struct err e;

	ck_assert_msg(agent_line_parse(bad[_i], strlen(bad[_i]), &l, &e) == -1, "%s", bad[_i]);
	ck_assert_str_ne(e.text, "");
}
END_TEST

START_TEST(long_and_binary_lines)
{
	char line[AGENT_LINE_MAX];
	struct agent_line l;
	struct err e;

	memset(line, 'x', sizeof(line));
	memcpy(line, "FAILED 1 5.0.0 ", 15);
	line[20] = '\0';
	ck_assert_int_eq(agent_line_parse(line, sizeof(line), &l, &e), 0);
	ck_assert_uint_eq(strlen(l.text), AGENT_TEXT_MAX - 1);
	ck_assert_int_eq(l.text[5], '?');
	line[3] = '\0';
	ck_assert_int_eq(agent_line_parse(line, sizeof(line), &l, &e), -1);
}
END_TEST

/* --- processes --- */

enum { NOBODY = 65534 };

static struct loop *loop;
static struct process_list *list;
static char folder[64], how_it_ended[64], why_not[sizeof(((struct err *)0)->text)];
static int talk;

static void setup(void)
{
	loop = loop_new("test");
	list = process_list_new(loop);
	how_it_ended[0] = why_not[0] = '\0';
	talk = -1;
	snprintf(folder, sizeof(folder), "/tmp/test_agent.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
}

static const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void teardown(void)
{
	process_list_free(&list);
	if (talk >= 0)
		close(talk);
	loop_free(&loop);
	unlink(in_folder("a"));
	ck_assert_int_eq(rmdir(folder), 0);
	/* nothing is left to be reaped */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}

static void write_agent(const char *text, mode_t mode)
{
	FILE *f = fopen(in_folder("a"), "w");

	fprintf(f, "#!/bin/sh\n%s\n", text);
	fclose(f);
	ck_assert_int_eq(chmod(in_folder("a"), mode), 0);
}

static void on_start(int fd, const struct err *e, void *ctx)
{
	(void)ctx;
	ck_assert(talk < 0);
	talk = fd;
	if (fd < 0)
		snprintf(why_not, sizeof(why_not), "%s", e->text);
}

static void on_end(const char *how, void *ctx)
{
	(void)ctx;
	ck_assert_int_ge(talk, 0);
	snprintf(how_it_ended, sizeof(how_it_ended), "%s", how);
}

static const struct process_calls calls = { on_start, on_end };

static bool has_ended(void *ctx)
{
	(void)ctx;
	return how_it_ended[0] != '\0';
}

static bool is_decided(void *ctx)
{
	(void)ctx;
	return talk >= 0 || why_not[0] != '\0';
}

static struct process *ask(const char *name)
{
	struct err e;
	struct process *p = process_start(list, folder, name, &calls, NULL, &e);

	ck_assert_msg(p != NULL, "%s", e.text);
	/* nothing is known before the loop turns */
	ck_assert(!is_decided(NULL));
	return p;
}

static struct process *begin(void)
{
	struct process *p = ask("a");

	AWAIT(loop, is_decided, NULL, PATIENCE_MS);
	ck_assert_str_eq(why_not, "");
	return p;
}

START_TEST(process_ends_by_itself)
{
	write_agent("exit 7", 0755);
	begin();
	AWAIT(loop, has_ended, NULL, PATIENCE_MS);
	ck_assert_str_eq(how_it_ended, "exit status 7");
}
END_TEST

static bool says(void *ctx)
{
	char c;

	(void)ctx;
	return recv(talk, &c, 1, MSG_DONTWAIT) == 1;
}

/* Nobody has the other end any more. */
static bool is_over(void *ctx)
{
	char c;

	(void)ctx;
	return recv(talk, &c, 1, MSG_DONTWAIT) == 0;
}

/* Killed with all that it started. */
START_TEST(process_is_killed)
{
	struct process *p;

	write_agent("trap '' TERM\nsleep 1000 &\nprintf x\nwait", 0755);
	p = begin();
	AWAIT(loop, says, NULL, PATIENCE_MS);
	process_release(&p, _i == 0 ? 0 : 10);
	ck_assert_ptr_null(p);
	AWAIT(loop, is_over, NULL, PATIENCE_MS);
	ck_assert_str_eq(how_it_ended, "");
	/* until it is reaped */
	process_list_free(&list);
}
END_TEST

START_TEST(what_is_not_run)
{
	static const struct {
		const char *name;
		mode_t mode;
		const char *why;
	} rows[] = {
		{ "b", 0755, "No such file" }, { "a", 0644, "no executable file" },
		{ "a", 0775, "could be changed" }, { "a", 0757, "could be changed" },
		{ "../bin/true", 0755, "no name of a protocol" }, { ".", 0755, "no name" },
	};

	write_agent("exit 0", rows[_i].mode);
	ask(rows[_i].name);
	AWAIT(loop, is_decided, NULL, PATIENCE_MS);
	ck_assert_int_eq(talk, -1);
	ck_assert_msg(strstr(why_not, rows[_i].why) != NULL, "%s", why_not);
}
END_TEST

/* One that is released before it is there is never heard of, and does not stay. */
START_TEST(released_before_it_is_started)
{
	struct process *p;

	write_agent("sleep 1000", 0755);
	p = ask("a");
	process_release(&p, _i == 0 ? 0 : 1000 * 1000);
	ck_assert_ptr_null(p);
	process_list_free(&list);
	ck_assert(!is_decided(NULL));
}
END_TEST

static volatile sig_atomic_t is_held_up;

static void on_lease(int number)
{
	(void)number;
	is_held_up = 1;
}

static bool somebody_waits(void *ctx)
{
	(void)ctx;
	return is_held_up != 0;
}

/* Of nobody's, so that it is the program itself that is loaded, not setpriv. */
static void setup_of_nobody(void)
{
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
	setup();
}

/*
 * While its program cannot be opened the loop goes on. A lease holds up whoever opens the file, as
 * a disk that does not answer would.
 */
START_TEST(start_does_not_block)
{
	int fd;

	signal(SIGIO, on_lease);
	write_agent("exit 7", 0755);
	fd = open(in_folder("a"), O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
	ask("a");
	AWAIT(loop, somebody_waits, NULL, PATIENCE_MS);
	ck_assert(!is_decided(NULL));
	close(fd);
	AWAIT(loop, has_ended, NULL, PATIENCE_MS);
	ck_assert_str_eq(how_it_ended, "exit status 7");
}
END_TEST

int main(void)
{
	TCase *lines = tcase_create("lines"), *processes = tcase_create("processes");
	TCase *unprivileged = tcase_create("unprivileged");

	tcase_add_loop_test(lines, good_lines, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(lines, bad_lines, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(lines, long_and_binary_lines);
	tcase_add_checked_fixture(processes, setup, teardown);
	tcase_add_test(processes, process_ends_by_itself);
	tcase_add_loop_test(processes, process_is_killed, 0, 2);
	tcase_add_loop_test(processes, what_is_not_run, 0, 6);
	tcase_add_loop_test(processes, released_before_it_is_started, 0, 2);
	tcase_add_checked_fixture(unprivileged, setup_of_nobody, teardown);
	tcase_add_test(unprivileged, start_does_not_block);
	return unit_run("agent", (TCase *[]){ lines, processes, unprivileged }, 3);
}
