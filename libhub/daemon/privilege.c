/* privilege.c - see privilege.h */
#include "libhub/daemon/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static int keep(const char *text)
{
	cap_t caps = cap_from_text(text);
	int rc = caps != NULL ? cap_set_proc(caps) : -1, saved = errno;

	cap_free(caps);
	errno = saved;
	return rc;
}

static int keep_capabilities(const char *const *capabilities, struct err *e)
{
	size_t i;

	for (i = 0; capabilities[i] != NULL; i++)
		if (keep(capabilities[i]) == 0)
			return 0;
	return err_set(e, ERR_CONFIG, errno, "cannot keep capabilities %s", capabilities[i - 1]);
}

/* Nothing to do when already running as that user. */
static int drop(const char *user, const char *const *capabilities, struct err *e)
{
	const struct passwd *pw = getpwnam(user);

	if (pw == NULL)
		return err_set(e, ERR_CONFIG, 0, "user %s does not exist", user);
	if (geteuid() == pw->pw_uid)
		return 0;
	if (prctl(PR_SET_KEEPCAPS, 1) != 0 || initgroups(user, pw->pw_gid) != 0 ||
		setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
		setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		return err_set(e, ERR_CONFIG, errno, "cannot become user %s", user);
	return keep_capabilities(capabilities, e);
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int privilege_settle(const char *user, const char *const *capabilities, bool core_files,
	struct err *e)
{
	if (user != NULL && drop(user, capabilities, e) != 0)
		return -1;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* after the drop, by which the kernel forbids it */
	(void)prctl(PR_SET_DUMPABLE, core_files ? 1 : 0);
	raise_descriptors();
	return 0;
}
