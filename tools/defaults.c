/* defaults.c - see defaults.h */
#include "tools/defaults.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libhub/base/settings.h"

/* The daemons' files have more keys than we need; they are read and left alone. */
struct defaults {
	const char *server, *directory, *base, *recipient_base, *bind, *ca, *certificate, *key;
	const char *control, *unused;
};

#define ROW(key, field) { key, SETTING_TEXT, 0, offsetof(struct defaults, field), 0, 0, NULL }

static const struct setting table[] = {
	ROW("server", server),
	ROW("directory", directory),
	ROW("base", base),
	ROW("recipient_base", recipient_base),
	ROW("bind", bind),
	ROW("ca", ca),
	ROW("certificate", certificate),
	ROW("key", key),
	ROW("control", control),
	ROW("crl", unused),
	ROW("keytab", unused),
	ROW("state", unused),
	ROW("admin", unused),
	ROW("workers", unused),
	ROW("user", unused),
	ROW("resolver", unused),
	ROW("log", unused),
	ROW("core_files", unused),
	ROW("protocol_log", unused),
	ROW("protocol_log_file_size", unused),
	ROW("protocol_log_total_size", unused),
	ROW("protocol_log_age", unused),
	ROW("agents", unused),
	ROW("agent_timeout", unused),
	ROW("lease_time", unused),
	ROW("account_lifetime", unused),
	ROW("account_renewal", unused),
	ROW("comparison_interval", unused),
	ROW("recipient_delay", unused),
	{ NULL, SETTING_TEXT, 0, 0, 0, 0, NULL },
};

static const char *either(const char *given, const char *otherwise)
{
	return given != NULL ? given : otherwise;
}

/* Of several pairs the first is the server's own. */
static const char *first_word(struct arena *a, const char *paths)
{
	return paths != NULL ? arena_strndup(a, paths, strcspn(paths, " \t")) : NULL;
}

/* "external", or "simple <dn> <password file>"; the DN may contain spaces. */
static int take_bind(struct ctl *ctl, const char *path, const char *bind, struct err *e)
{
	const char *file;

	if (bind == NULL || ctl->external || ctl->bind_dn != NULL)
		return 0;
	if (strcmp(bind, "external") == 0) {
		ctl->external = true;
		return 0;
	}
	file = strrchr(bind, ' ');
	if (strncmp(bind, "simple ", 7) != 0 || file == NULL || file < bind + 7)
		return err_set(e, ERR_CONFIG, 0, "%s: bind must be \"external\" or \"simple <dn> "
			"<password file>\"", path);
	ctl->bind_dn = arena_strndup(ctl->arena, bind + 7, (size_t)(file - bind - 7));
	ctl->password_file = either(ctl->password_file, file + 1);
	return 0;
}

static int read_file(struct ctl *ctl, const char *path, struct err *e)
{
	struct defaults d = { 0 };

	if (settings_read(path, table, &d, ctl->arena, e) != 0)
		return -1;
	ctl->local_server = d.server;
	ctl->directory = either(ctl->directory, d.directory);
	ctl->base = either(ctl->base, d.base);
	ctl->recipient_base = either(ctl->recipient_base, d.recipient_base);
	ctl->control = either(ctl->control, d.control);
	ctl->ca = either(ctl->ca, d.ca);
	if (ctl->certificate == NULL) {
		ctl->certificate = first_word(ctl->arena, d.certificate);
		ctl->key = first_word(ctl->arena, d.key);
	}
	return take_bind(ctl, path, d.bind, e);
}

int defaults_fill_edgesyncd(struct ctl *ctl, struct err *e)
{
	const char *file = getenv("EDGESYNCD_CONF");

	if (ctl->control_named || ctl->control != ctl->control_default)
		return 0;
	/* what is there by now is hubd's */
	ctl->control = NULL;
	if (file == NULL)
		file = HUB_SYSCONFDIR "/hub-transport/edgesyncd.conf";
	if (access(file, F_OK) != 0)
		return err_set(e, ERR_CONFIG, errno, "which edgesyncd? --control PATH, -f "
			"SETTINGS or EDGESYNCD_CONF; and %s", file);
	if (read_file(ctl, file, e) != 0)
		return -1;
	if (ctl->control == NULL)
		return err_set(e, ERR_CONFIG, 0, "%s: edgesyncd has no control socket: the key "
			"control is missing", file);
	return 0;
}

int defaults_fill(struct ctl *ctl, const char *file, struct err *e)
{
	const char *home = getenv("HOME");

	ctl->control_named = ctl->control != NULL || file != NULL;
	if (file == NULL)
		file = getenv("HUBD_CONF");
	if (file == NULL && home != NULL) {
		file = arena_printf(ctl->arena, "%s/.config/hubctl.conf", home);
		if (access(file, F_OK) != 0)
			file = NULL;
	}
	if (file != NULL && read_file(ctl, file, e) != 0)
		return -1;
	ctl->control_default = ctl->control;
	return 0;
}
