/* settings.c - see settings.h */
#include "hubd/config/settings.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libhub/base/log.h"
#include "libhub/base/resolver.h"
#include "libhub/base/settings.h"
#include "libhub/org/dn.h"
#include "libhub/org/value.h"

/* As written in the file, before the values that have a structure are taken apart. */
struct raw {
	struct settings s;
	const char *directory, *bind, *certificates, *keys;
};

static const char *const log_formats[] = { "text", "json", NULL };
static const char *const off_or_on[] = { "off", "on", NULL };

#define ROW(key, kind, flags, field) { key, kind, flags, offsetof(struct raw, field), 0, 0, NULL }

static const struct setting table[] = {
	ROW("server", SETTING_TEXT, SETTING_REQUIRED, s.server),
	ROW("directory", SETTING_TEXT, SETTING_REQUIRED, directory),
	ROW("base", SETTING_TEXT, SETTING_REQUIRED, s.base),
	ROW("recipient_base", SETTING_TEXT, 0, s.recipient_base),
	ROW("bind", SETTING_TEXT, SETTING_REQUIRED, bind),
	ROW("ca", SETTING_PATH, 0, s.ca),
	ROW("crl", SETTING_PATH, 0, s.crl),
	ROW("certificate", SETTING_PATH, 0, certificates),
	ROW("key", SETTING_PATH, 0, keys),
	ROW("keytab", SETTING_PATH, 0, s.keytab),
	ROW("state", SETTING_PATH, SETTING_REQUIRED, s.state),
	ROW("control", SETTING_PATH, 0, s.control),
	ROW("admin", SETTING_TEXT, 0, s.admin),
	{ "workers", SETTING_UINT, 0, offsetof(struct raw, s.workers), 1, 64, NULL },
	ROW("user", SETTING_TEXT, 0, s.user),
	ROW("resolver", SETTING_TEXT, 0, s.resolver),
	{ "log", SETTING_CHOICE, 0, offsetof(struct raw, s.log_format), 0, 0, log_formats },
	{ "core_files", SETTING_CHOICE, 0, offsetof(struct raw, s.core_files), 0, 0, off_or_on },
	ROW("protocol_log", SETTING_TEXT, 0, s.protocol_log),
	{ "protocol_log_file_size", SETTING_SIZE, 0, offsetof(struct raw,
		s.protocol_log_file_size), 1, 2u << 20, NULL },
	{ "protocol_log_total_size", SETTING_SIZE, 0, offsetof(struct raw,
		s.protocol_log_total_size), 0, UINT32_MAX, NULL },
	{ "protocol_log_age", SETTING_UINT, 0, offsetof(struct raw, s.protocol_log_age), 0,
		24855, NULL },
	ROW("agents", SETTING_PATH, 0, s.agents),
	{ "agent_timeout", SETTING_UINT, 0, offsetof(struct raw, s.agent_timeout_s), 1, 86400,
		NULL },
	{ NULL, SETTING_TEXT, 0, 0, 0, 0, NULL },
};

enum { URIS_MAX = 16, PAIRS_MAX = 64, ROWS = sizeof(table) / sizeof(table[0]) - 1 };

int settings_blame(const struct settings *s, const char *key, struct err *e)
{
	struct err why = *e;
	unsigned int line = 0;
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (strcmp(table[i].key, key) == 0)
			line = s->lines[i];
	return err_set(e, ERR_CONFIG, 0, "%s:%u: %s: %.200s", s->path, line, key, why.text);
}

static int split_uris(char *text, struct arena *arena, const char *const **out, struct err *e)
{
	const char **uris = arena_alloc(arena, (URIS_MAX + 1) * sizeof(*uris));
	size_t n = 0;
	char *save = NULL, *word;

	for (word = strtok_r(text, " \t,", &save); word != NULL; word = strtok_r(NULL, " \t,",
		&save)) {
		if (strncmp(word, "ldap://", 7) != 0 && strncmp(word, "ldaps://", 8) != 0 &&
			strncmp(word, "ldapi://", 8) != 0)
			return err_set(e, ERR_CONFIG, 0, "%s is no ldapi://, ldap:// or "
				"ldaps:// URI", word);
		if (n == URIS_MAX)
			return err_set(e, ERR_CONFIG, 0, "more than %d URIs", URIS_MAX);
		uris[n++] = word;
	}
	if (n == 0)
		return err_set(e, ERR_CONFIG, 0, "no URI");
	*out = uris;
	return 0;
}

/* "external", or "simple <dn> <password file>"; the DN may contain spaces. */
static int split_bind(char *text, struct settings *s, struct err *e)
{
	char *dn, *file;

	if (strcmp(text, "external") == 0) {
		s->directory.bind_external = true;
		return 0;
	}
	file = strrchr(text, ' ');
	if (strncmp(text, "simple ", 7) != 0 || file == NULL || file < text + 7)
		return err_set(e, ERR_CONFIG, 0, "must be \"external\" or \"simple <dn> "
			"<password file>\"");
	dn = text + 7;
	*file++ = '\0';
	if (access(file, R_OK) != 0)
		return err_set(e, ERR_CONFIG, errno, "password file %s", file);
	s->directory.bind_dn = dn;
	s->directory.password_file = file;
	return 0;
}

/* Paths separated by blanks; none without the key. Returns how many, or -1. */
static int split_paths(const char *value, struct arena *arena, const char *const **out,
	struct err *e)
{
	const char **paths = arena_alloc(arena, (PAIRS_MAX + 1) * sizeof(*paths));
	char *text = arena_strdup(arena, value != NULL ? value : ""), *save = NULL, *word;
	int n = 0;

	for (word = strtok_r(text, " \t", &save); word != NULL; word = strtok_r(NULL, " \t",
		&save)) {
		if (*word != '/')
			return err_set(e, ERR_CONFIG, 0, "%s: path must begin with /", word);
		if (n == PAIRS_MAX)
			return err_set(e, ERR_CONFIG, 0, "more than %d paths", PAIRS_MAX);
		if (access(word, R_OK) != 0)
			return err_set(e, ERR_CONFIG, errno, "%s", word);
		paths[n++] = word;
	}
	paths[n] = NULL;
	*out = paths;
	return n;
}

static int split_pairs(struct raw *raw, struct arena *arena, struct err *e)
{
	struct settings_key_pairs *pairs = &raw->s.pairs;
	int certificates = split_paths(raw->certificates, arena, &pairs->certificates, e), keys;

	if (certificates < 0)
		return settings_blame(&raw->s, "certificate", e);
	keys = split_paths(raw->keys, arena, &pairs->keys, e);
	if (keys < 0)
		return settings_blame(&raw->s, "key", e);
	if (certificates != keys) {
		err_set(e, ERR_CONFIG, 0, "certificate and key go together: there are %d and %d",
			certificates, keys);
		return settings_blame(&raw->s, raw->keys == NULL ? "certificate" : "key", e);
	}
	pairs->n = (size_t)keys;
	raw->s.certificate = pairs->certificates[0];
	raw->s.key = pairs->keys[0];
	return 0;
}

static int check_readable(const struct settings *s, const char *key, const char *file,
	struct err *e)
{
	if (file == NULL || access(file, R_OK) == 0)
		return 0;
	err_set(e, ERR_CONFIG, errno, "%s", file);
	return settings_blame(s, key, e);
}

/* What is in it is run: nobody else may put anything there. */
static int check_agents(const struct settings *s, struct err *e)
{
	const struct passwd *pw = s->user != NULL ? getpwnam(s->user) : NULL;
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

static int check_state(const struct settings *s, struct err *e)
{
	struct stat st;

	if (stat(s->state, &st) != 0)
		err_set(e, ERR_CONFIG, errno, "%s", s->state);
	else if (!S_ISDIR(st.st_mode))
		err_set(e, ERR_CONFIG, ENOTDIR, "%s", s->state);
	else if (access(s->state, W_OK | X_OK) != 0)
		err_set(e, ERR_CONFIG, errno, "%s", s->state);
	else
		return 0;
	return settings_blame(s, "state", e);
}

static int check_files(const struct settings *s, struct err *e)
{
	if (check_readable(s, "ca", s->ca, e) != 0 || check_readable(s, "crl", s->crl, e) != 0 ||
		check_readable(s, "keytab", s->keytab, e) != 0 || check_agents(s, e) != 0)
		return -1;
	return check_state(s, e);
}

static int check_dn(const struct settings *s, const char *key, const char *dn,
	struct arena *arena, struct err *e)
{
	if (dn == NULL || dn_normalize(arena, dn) != NULL)
		return 0;
	err_set(e, ERR_CONFIG, 0, "%s is no DN", dn);
	return settings_blame(s, key, e);
}

/* Values that other rooms use as they are. */
static int check_values(const struct settings *s, struct arena *arena, struct err *e)
{
	struct endpoint admin;

	if (check_dn(s, "base", s->base, arena, e) != 0 ||
		check_dn(s, "recipient_base", s->recipient_base, arena, e) != 0)
		return -1;
	if (s->resolver != NULL && resolver_servers_check(s->resolver, e) != 0)
		return settings_blame(s, "resolver", e);
	if (s->admin != NULL && value_endpoint(arena, s->admin, true, &admin, e) != 0)
		return settings_blame(s, "admin", e);
	if (s->admin != NULL && s->certificate == NULL) {
		err_set(e, ERR_CONFIG, 0, "needs certificate and key");
		return settings_blame(s, "admin", e);
	}
	if (s->user != NULL && getpwnam(s->user) == NULL) {
		err_set(e, ERR_CONFIG, 0, "there is no user %s", s->user);
		return settings_blame(s, "user", e);
	}
	return 0;
}

/* Recipients live under the organization's parent unless the file says otherwise. */
static const char *parent_dn(const char *dn)
{
	const char *comma = strchr(dn, ',');

	return comma != NULL ? comma + 1 : dn;
}

/* A folder of the state directory unless the file names one; "off" is none. */
static int settle_protocol_log(struct settings *s, struct arena *arena, struct err *e)
{
	if (s->protocol_log == NULL) {
		s->protocol_log = arena_printf(arena, "%s/log/protocol", s->state);
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

static int read_file(const char *path, struct raw *raw, struct arena *arena, struct err *e)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int *lines = arena_alloc(arena, ROWS * sizeof(*lines));

	memset(raw, 0, sizeof(*raw));
	raw->s.workers = cores < 1 ? 1 : cores > 64 ? 64 : (uint32_t)cores;
	raw->s.log_format = LOG_FORMAT_TEXT;
	raw->s.protocol_log_file_size = 10u << 20;
	raw->s.protocol_log_total_size = 250u << 20;
	raw->s.protocol_log_age = 30;
	raw->s.agent_timeout_s = 300;
	raw->s.path = arena_strdup(arena, path);
	raw->s.lines = lines;
	return settings_read_lines(path, table, raw, arena, lines, e);
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_value(const struct setting *row, const struct raw *a, const struct raw *b)
{
	const char *one = (const char *)a + row->offset, *other = (const char *)b + row->offset;
	const char *texts[2];

	switch (row->kind) {
	case SETTING_TEXT:
	case SETTING_PATH:
		memcpy(&texts[0], one, sizeof(texts[0]));
		memcpy(&texts[1], other, sizeof(texts[1]));
		return same_text(texts[0], texts[1]);
	case SETTING_SIZE:
		return memcmp(one, other, sizeof(uint64_t)) == 0;
	case SETTING_UINT:
		return memcmp(one, other, sizeof(uint32_t)) == 0;
	case SETTING_CHOICE:
		return memcmp(one, other, sizeof(int)) == 0;
	case SETTING_FLAG:
		return memcmp(one, other, sizeof(bool)) == 0;
	}
	return false;
}

int settings_changes(const struct settings *s, settings_change_cb *cb, void *ctx, struct err *e)
{
	struct arena *arena = arena_new();
	struct raw *now = arena_alloc(arena, sizeof(*now));
	int rc = read_file(s->path, now, arena, e);
	size_t i;

	for (i = 0; i < ROWS && rc == 0; i++)
		if (!same_value(&table[i], s->as_read, now))
			cb(table[i].key, now->s.lines[i], ctx);
	arena_free(&arena);
	return rc;
}

int settings_load(const char *path, struct arena *arena, struct settings *out, struct err *e)
{
	struct raw raw;

	if (read_file(path, &raw, arena, e) != 0)
		return -1;
	raw.s.as_read = arena_memdup(arena, &raw, sizeof(raw));
	if (split_uris(arena_strdup(arena, raw.directory), arena, &raw.s.directory.uris,
		e) != 0)
		return settings_blame(&raw.s, "directory", e);
	if (split_bind(arena_strdup(arena, raw.bind), &raw.s, e) != 0)
		return settings_blame(&raw.s, "bind", e);
	if (split_pairs(&raw, arena, e) != 0 || check_values(&raw.s, arena, e) != 0)
		return -1;
	if (settle_protocol_log(&raw.s, arena, e) != 0)
		return -1;
	if (raw.s.recipient_base == NULL)
		raw.s.recipient_base = parent_dn(raw.s.base);
	raw.s.directory.ca = raw.s.ca;
	raw.s.directory.certificate = raw.s.certificate;
	raw.s.directory.key = raw.s.key;
	*out = raw.s;
	return check_files(out, e);
}
