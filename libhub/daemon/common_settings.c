/* common_settings.c - see common_settings.h */
#include "libhub/daemon/common_settings.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libhub/base/log.h"
#include "libhub/base/resolver.h"
#include "libhub/org/dn.h"
#include "libhub/org/value.h"

static const char *const log_formats[] = { "text", "json", NULL };
static const char *const off_or_on[] = { "off", "on", NULL };

#define ROW(key, kind, flags, field) \
	{ key, kind, flags, offsetof(struct common_settings, field), 0, 0, NULL }

static const struct setting common[] = {
	ROW("server", SETTING_TEXT, SETTING_REQUIRED, server),
	ROW("directory", SETTING_TEXT, SETTING_REQUIRED, written.directory),
	ROW("base", SETTING_TEXT, SETTING_REQUIRED, base),
	ROW("recipient_base", SETTING_TEXT, 0, recipient_base),
	ROW("bind", SETTING_TEXT, SETTING_REQUIRED, written.bind),
	ROW("ca", SETTING_PATH, 0, ca),
	ROW("certificate", SETTING_PATH, 0, written.certificates),
	ROW("key", SETTING_PATH, 0, written.keys),
	ROW("state", SETTING_PATH, SETTING_REQUIRED, state),
	ROW("control", SETTING_PATH, 0, control),
	ROW("admin", SETTING_TEXT, 0, admin),
	ROW("user", SETTING_TEXT, 0, user),
	ROW("resolver", SETTING_TEXT, 0, resolver),
	{ "log", SETTING_CHOICE, 0, offsetof(struct common_settings, log_format), 0, 0,
		log_formats },
	{ "core_files", SETTING_CHOICE, 0, offsetof(struct common_settings, core_files), 0, 0,
		off_or_on },
};

enum { URIS_MAX = 16, PAIRS_MAX = 64, COMMON = sizeof(common) / sizeof(common[0]) };

/* What is needed to say where a value stands, and to read the file again. */
struct source {
	const struct setting *table;
	size_t rows, size;
	const void *defaults, *as_read;	/* the target before and after it was read */
	const unsigned int *lines;
};

int common_settings_blame(const struct common_settings *s, const char *key, struct err *e)
{
	const struct source *source = s->source;
	struct err why = *e;
	unsigned int line = 0;
	size_t i;

	for (i = 0; i < source->rows; i++)
		if (strcmp(source->table[i].key, key) == 0)
			line = source->lines[i];
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
static int split_bind(char *text, struct common_settings *s, struct err *e)
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

static int split_pairs(struct common_settings *s, struct arena *arena, struct err *e)
{
	struct settings_key_pairs *pairs = &s->pairs;
	int certificates = split_paths(s->written.certificates, arena, &pairs->certificates, e),
		keys;

	if (certificates < 0)
		return common_settings_blame(s, "certificate", e);
	keys = split_paths(s->written.keys, arena, &pairs->keys, e);
	if (keys < 0)
		return common_settings_blame(s, "key", e);
	if (certificates != keys) {
		err_set(e, ERR_CONFIG, 0, "certificate and key go together: there are %d and %d",
			certificates, keys);
		return common_settings_blame(s, s->written.keys == NULL ? "certificate" : "key", e);
	}
	pairs->n = (size_t)keys;
	s->certificate = pairs->certificates[0];
	s->key = pairs->keys[0];
	return 0;
}

int common_settings_check_readable(const struct common_settings *s, const char *key,
	const char *file, struct err *e)
{
	if (file == NULL || access(file, R_OK) == 0)
		return 0;
	err_set(e, ERR_CONFIG, errno, "%s", file);
	return common_settings_blame(s, key, e);
}

static int check_state(const struct common_settings *s, struct err *e)
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
	return common_settings_blame(s, "state", e);
}

static int check_dn(const struct common_settings *s, const char *key, const char *dn,
	struct arena *arena, struct err *e)
{
	if (dn == NULL || dn_normalize(arena, dn) != NULL)
		return 0;
	err_set(e, ERR_CONFIG, 0, "%s is no DN", dn);
	return common_settings_blame(s, key, e);
}

/* Values that other rooms use as they are. */
static int check_values(const struct common_settings *s, struct arena *arena, struct err *e)
{
	struct endpoint admin;

	if (check_dn(s, "base", s->base, arena, e) != 0 ||
		check_dn(s, "recipient_base", s->recipient_base, arena, e) != 0)
		return -1;
	if (s->resolver != NULL && resolver_servers_check(s->resolver, e) != 0)
		return common_settings_blame(s, "resolver", e);
	if (s->admin != NULL && value_endpoint(arena, s->admin, true, &admin, e) != 0)
		return common_settings_blame(s, "admin", e);
	if (s->admin != NULL && s->certificate == NULL) {
		err_set(e, ERR_CONFIG, 0, "needs certificate and key");
		return common_settings_blame(s, "admin", e);
	}
	if (s->user != NULL && getpwnam(s->user) == NULL) {
		err_set(e, ERR_CONFIG, 0, "there is no user %s", s->user);
		return common_settings_blame(s, "user", e);
	}
	return 0;
}

/* Recipients live under the organization's parent unless the file says otherwise. */
static const char *parent_dn(const char *dn)
{
	const char *comma = strchr(dn, ',');

	return comma != NULL ? comma + 1 : dn;
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_value(const struct setting *row, const void *a, const void *b)
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

int common_settings_changes(const struct common_settings *s, settings_change_cb *cb, void *ctx,
	struct err *e)
{
	const struct source *source = s->source;
	struct arena *arena = arena_new();
	void *now = arena_memdup(arena, source->defaults, source->size);
	unsigned int *lines = arena_alloc(arena, source->rows * sizeof(*lines));
	int rc = settings_read_lines(s->path, source->table, now, arena, lines, e);
	size_t i;

	for (i = 0; i < source->rows && rc == 0; i++)
		if (!same_value(&source->table[i], source->as_read, now))
			cb(source->table[i].key, lines[i], ctx);
	arena_free(&arena);
	return rc;
}

static void warn_of_change(const char *key, unsigned int line, void *ctx)
{
	const struct common_settings *s = ctx;

	log_event(LOG_LEVEL_WARNING, "settings-changed", LOG_STR("file", s->path),
		LOG_UINT("line", line), LOG_STR("key", key),
		LOG_STR("why", "takes effect at a restart only; the daemon goes on as it began"),
		LOG_END);
}

void common_settings_warn_of_changes(const struct common_settings *s)
{
	struct err e;

	if (common_settings_changes(s, warn_of_change, (void *)(uintptr_t)s, &e) != 0)
		log_text(LOG_LEVEL_WARNING, "settings-not-read", "%s", e.text);
}

/* The common rows, then those of the daemon. */
static struct source *make_source(const struct setting *own, size_t size, struct arena *arena)
{
	struct source *source = arena_alloc(arena, sizeof(*source));
	struct setting *table;
	size_t n = 0;

	while (own[n].key != NULL)
		n++;
	table = arena_alloc(arena, (COMMON + n + 1) * sizeof(*table));
	memcpy(table, common, sizeof(common));
	memcpy(table + COMMON, own, (n + 1) * sizeof(*table));
	source->table = table;
	source->rows = COMMON + n;
	source->size = size;
	return source;
}

static int read_file(const char *path, const struct setting *own, void *target, size_t size,
	struct arena *arena, struct err *e)
{
	struct source *source = make_source(own, size, arena);
	unsigned int *lines = arena_alloc(arena, source->rows * sizeof(*lines));
	struct common_settings *s = target;

	source->defaults = arena_memdup(arena, target, size);
	source->lines = lines;
	if (settings_read_lines(path, source->table, target, arena, lines, e) != 0)
		return -1;
	source->as_read = arena_memdup(arena, target, size);
	s->path = arena_strdup(arena, path);
	s->source = source;
	return 0;
}

static int take_apart(struct common_settings *s, struct arena *arena, struct err *e)
{
	const struct settings_written *w = &s->written;

	if (split_uris(arena_strdup(arena, w->directory), arena, &s->directory.uris, e) != 0)
		return common_settings_blame(s, "directory", e);
	if (split_bind(arena_strdup(arena, w->bind), s, e) != 0)
		return common_settings_blame(s, "bind", e);
	return split_pairs(s, arena, e);
}

int common_settings_load(const char *path, const struct setting *own, void *target, size_t size,
	struct arena *arena, struct err *e)
{
	struct common_settings *s = target;

	if (read_file(path, own, target, size, arena, e) != 0 || take_apart(s, arena, e) != 0 ||
		check_values(s, arena, e) != 0)
		return -1;
	if (s->recipient_base == NULL)
		s->recipient_base = parent_dn(s->base);
	s->directory.ca = s->ca;
	s->directory.certificate = s->certificate;
	s->directory.key = s->key;
	if (common_settings_check_readable(s, "ca", s->ca, e) != 0)
		return -1;
	return check_state(s, e);
}
