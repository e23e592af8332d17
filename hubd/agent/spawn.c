/* spawn.c - see spawn.h.
 *
 * posix_spawn shares our memory until the program is loaded, so a start costs little however large
 * hubd is; but whoever calls it waits so long.
 */
#include "hubd/agent/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

/* The program that takes root's privileges from an agent; of util-linux. */
static const char setpriv[] = "/usr/bin/setpriv";

static int check_file(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_set(e, ERR_CONFIG, errno, "%.200s", path);
	if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
		return err_set(e, ERR_CONFIG, 0, "%.200s is no executable file", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022) != 0)
		return err_set(e, ERR_CONFIG, 0, "%.200s could be changed by others than root and "
			"hubd's account", path);
	return 0;
}

static int spawn(const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, pid_t *pid)
{
	char *environment[] = { (char[]){ "PATH=/usr/local/bin:/usr/bin:/bin" },
		(char[]){ "LANG=C.UTF-8" }, (char[]){ "HOME=/" }, (char[]){ "HUB_AGENT=1" }, NULL };
	char copy[PATH_SIZE];
	char *plain[] = { copy, NULL };
	char *as_nobody[] = { (char[]){ "setpriv" }, (char[]){ "--reuid=nobody" },
		(char[]){ "--regid=nogroup" }, (char[]){ "--clear-groups" },
		(char[]){ "--inh-caps=-all" }, (char[]){ "--ambient-caps=-all" },
		(char[]){ "--bounding-set=-all" }, (char[]){ "--" }, copy, NULL };
	bool is_root = geteuid() == 0;

	snprintf(copy, sizeof(copy), "%s", path);
	return posix_spawn(pid, is_root ? setpriv : path, actions, attributes,
		is_root ? as_nobody : plain, environment);
}

/* As the child is to find itself: with input, output and error, and nothing else. */
static int spawn_with(const char *path, int socket, int errors, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes,
		POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, socket, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	posix_spawn_file_actions_addchdir_np(&actions, "/");
	rc = spawn(path, &actions, &attributes, pid);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return rc;
}

static void close_pair(int pair[2])
{
	if (pair[0] >= 0)
		close(pair[0]);
	if (pair[1] >= 0)
		close(pair[1]);
}

/* [0] of each is ours, [1] the child's. */
static int open_pairs(int talk[2], int errors[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk) != 0 ||
		pipe2(errors, O_CLOEXEC) != 0 || fcntl(talk[0], F_SETFL, O_NONBLOCK) != 0 ||
		fcntl(errors[0], F_SETFL, O_NONBLOCK) != 0)
		return err_set(e, ERR_TEMP, errno, "descriptors for an agent");
	return 0;
}

/* Nothing can tell of its end: better none than one that is never reaped. */
static void undo(pid_t pid)
{
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static int spawn_between(const char *path, int socket, int errors, struct spawned *out,
	struct err *e)
{
	int rc = spawn_with(path, socket, errors, &out->pid);

	if (rc != 0)
		return err_set(e, ERR_TEMP, rc, "%.200s", path);
	out->pidfd = pidfd_open(out->pid, 0);
	if (out->pidfd >= 0)
		return 0;
	err_set(e, ERR_TEMP, errno, "pidfd of %.200s", path);
	undo(out->pid);
	return -1;
}

int spawn_agent(const char *folder, const char *name, struct spawned *out, struct err *e)
{
	int talk[2] = { -1, -1 }, errors[2] = { -1, -1 };
	char path[PATH_SIZE];

	/* the directory says the name: it may be of this folder only */
	if (*name == '.' || strchr(name, '/') != NULL || (size_t)snprintf(path, sizeof(path),
		"%s/%s", folder, name) >= sizeof(path))
		return err_set(e, ERR_CONFIG, 0, "\"%.100s\" is no name of a protocol", name);
	if (check_file(path, e) != 0)
		return -1;
	if (open_pairs(talk, errors, e) != 0 ||
		spawn_between(path, talk[1], errors[1], out, e) != 0) {
		close_pair(talk);
		close_pair(errors);
		return -1;
	}
	close(talk[1]);
	close(errors[1]);
	out->talk = talk[0];
	out->errors = errors[0];
	return 0;
}
