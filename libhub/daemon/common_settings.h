/* common_settings.h - the keys that the settings files of hubd and edgesyncd share.
 *
 * Each daemon has a struct of its own that begins with a struct common_settings, and a table of the
 * keys that it alone has. Start-up and SIGHUP, main thread.
 */
#ifndef HUB_DAEMON_COMMON_SETTINGS_H
#define HUB_DAEMON_COMMON_SETTINGS_H

#include "libhub/base/mem.h"
#include "libhub/base/settings.h"
#include "libhub/directory/watch.h"

/* Certificates and keys of the file, one beside the other; a folder stands for what is in it. */
struct settings_key_pairs {
	const char *const *certificates, *const *keys;
	size_t n;
};

/* Values that have a structure, as written in the file. */
struct settings_written {
	const char *directory, *bind, *certificates, *keys;
};

struct common_settings {
	const char *server;		/* cn of our hubServer entry */
	struct directory_config directory;
	const char *base;		/* DN of the hubOrganization */
	const char *recipient_base;
	const char *ca;
	const char *certificate, *key;	/* the first pair: the server's own */
	struct settings_key_pairs pairs;
	const char *state;		/* directory of what the daemon keeps */
	const char *control;		/* path of the local socket, or NULL */
	const char *admin;		/* address:port, or NULL */
	const char *user;		/* account to run as, or NULL */
	/* servers before the directory is read, or NULL = system's */
	const char *resolver;
	int log_format;			/* enum log_format */
	int core_files;			/* may there be any? 0 or 1 */
	const char *path;		/* the file */
	struct settings_written written;
	const void *source;		/* see common_settings_changes */
};

/*
 * Reads path into target, size bytes that begin with a struct common_settings, by the common keys
 * and the table own (ends with a row whose key is NULL). Fields without a line keep what the caller
 * put there. Everything lives in the arena. Checks what can be checked without the directory.
 */
int common_settings_load(const char *path, const struct setting *own, void *target, size_t size,
	struct arena *arena, struct err *e) MUST_CHECK;
/*
 * Puts "FILE:LINE: KEY: " in front of e->text: that key's value turned out to be wrong. Returns -1.
 */
int common_settings_blame(const struct common_settings *s, const char *key, struct err *e);
/* Is the file, the value of that key, readable? NULL is. */
int common_settings_check_readable(const struct common_settings *s, const char *key,
	const char *file, struct err *e) MUST_CHECK;

/*
 * Reads the file again and tells each key that stands there with another value than s was made
 * from, with its line (0: it is gone). It is not checked what the values are good for. -1 if the
 * file cannot be read.
 */
typedef void settings_change_cb(const char *key, unsigned int line, void *ctx);
int common_settings_changes(const struct common_settings *s, settings_change_cb *cb, void *ctx,
	struct err *e) MUST_CHECK;
/* SIGHUP: logs each such key, as what takes effect at a restart only. */
void common_settings_warn_of_changes(const struct common_settings *s);

#endif
