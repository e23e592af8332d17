/* settings.c - see settings.h */
#include "hubd/config/settings.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROW(key, kind, field) { key, kind, 0, offsetof(struct settings, field), 0, 0, NULL }

static const struct setting table[] = {
	ROW("crl", SETTING_PATH, crl),
	ROW("keytab", SETTING_PATH, keytab),
	{ "workers", SETTING_UINT, 0, offsetof(struct settings, workers), 1, 64, NULL },
	ROW("protocol_log", SETTING_TEXT, protocol_log),
	{ "protocol_log_file_size", SETTING_SIZE, 0, offsetof(struct settings,
		protocol_log_file_size), 1, 2u << 20, NULL },
	{ "protocol_log_total_size", SETTING_SIZE, 0, offsetof(struct settings,
		protocol_log_total_size), 0, UINT32_MAX, NULL },
	{ "protocol_log_age", SETTING_UINT, 0, offsetof(struct settings, protocol_log_age), 0,
		24855, NULL },
	ROW("agents", SETTING_PATH, agents),
	{ "agent_timeout", SETTING_UINT, 0, offsetof(struct settings, agent_timeout_s), 1, 86400,
		NULL },
	{ NULL, SETTING_TEXT, 0, 0, 0, 0, NULL },
};

int settings_blame(const struct settings *s, const char *key, struct err *e)
{
	return common_settings_blame(&s->common, key, e);
}

/* What is in it is run: nobody else may put anything there. */
static int check_agents(const struct settings *s, struct err *e)
{
	const struct passwd *pw = s->common.user != NULL ? getpwnam(s->common.user) : NULL;
	uid_t own = pw != NULL ? pw->pw_uid : geteuid();
	struct stat st;

	if (s->agents == NULL)
		return 0;
	if (stat(s->agents, &st) != 0)
		err_set(e, ERR_CONFIG, errno, "%s", s->agents);
	else if (!S_ISDIR(st.st_mode))
		err_set(e, ERR_CONFIG, ENOTDIR, "%s", s->agents);
	else if ((st.st_uid != 0 && st.st_uid != own) || (st.st_mode & 022) != 0)
		err_set(e, ERR_CONFIG, 0, "%s could be changed by others than root and hubd's "
			"account", s->agents);
	else
		return 0;
	return settings_blame(s, "agents", e);
}

/* A folder of the state directory unless the file names one; "off" is none. */
static int settle_protocol_log(struct settings *s, struct arena *arena, struct err *e)
{
	if (s->protocol_log == NULL) {
		s->protocol_log = arena_printf(arena, "%s/log/protocol", s->common.state);
	} else if (strcmp(s->protocol_log, "off") == 0) {
		s->protocol_log = NULL;
	} else if (*s->protocol_log != '/') {
		err_set(e, ERR_CONFIG, 0, "must be \"off\" or a path that begins with /");
		return settings_blame(s, "protocol_log", e);
	}
	if (s->protocol_log_total_size == 0 ||
		s->protocol_log_total_size >= s->protocol_log_file_size)
		return 0;
	err_set(e, ERR_CONFIG, 0, "is less than one file");
	return settings_blame(s, "protocol_log_total_size", e);
}

static void set_defaults(struct settings *s)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	*s = (struct settings){ .protocol_log_file_size = 10u << 20,
		.protocol_log_total_size = 250u << 20, .protocol_log_age = 30,
		.agent_timeout_s = 300 };
	s->workers = cores < 1 ? 1 : cores > 64 ? 64 : (uint32_t)cores;
}

int settings_load(const char *path, struct arena *arena, struct settings *out, struct err *e)
{
	const struct common_settings *common = &out->common;

	set_defaults(out);
	if (common_settings_load(path, table, out, sizeof(*out), arena, e) != 0 ||
		settle_protocol_log(out, arena, e) != 0 ||
		common_settings_check_readable(common, "crl", out->crl, e) != 0 ||
		common_settings_check_readable(common, "keytab", out->keytab, e) != 0)
		return -1;
	return check_agents(out, e);
}
