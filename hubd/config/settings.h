/* settings.h - hubd.conf: only what cannot come from the directory. */
#ifndef HUB_CONFIG_SETTINGS_H
#define HUB_CONFIG_SETTINGS_H

#include <stdint.h>

#include "libhub/base/mem.h"
#include "libhub/directory/watch.h"

/* Certificates and keys of the file, one beside the other; a folder stands for what is in it. */
struct settings_key_pairs {
	const char *const *certificates, *const *keys;
	size_t n;
};

struct settings {
	const char *server;		/* cn of our hubServer entry */
	struct directory_config directory;
	const char *base;		/* DN of the hubOrganization */
	const char *recipient_base;
	const char *ca;
	const char *crl;		/* revocation lists: file or folder, or NULL */
	const char *certificate, *key;	/* the first pair: the server's own */
	struct settings_key_pairs pairs;
	const char *keytab;		/* or NULL */
	const char *state;		/* directory of spool, cache and logs */
	const char *control;		/* path of the local socket, or NULL */
	const char *admin;		/* address:port, or NULL */
	uint32_t workers;
	const char *user;		/* account to run as, or NULL */
	/* servers before the directory is read, or NULL = system's */
	const char *resolver;
	int log_format;			/* enum log_format */
	int core_files;			/* may there be any? 0 or 1 */
	const char *protocol_log;	/* folder, or NULL = off */
	uint64_t protocol_log_file_size, protocol_log_total_size;	/* total: 0 = no limit */
	uint32_t protocol_log_age;	/* days, 0 = no limit */
	const char *agents;		/* folder of delivery agents, or NULL */
	uint32_t agent_timeout_s;
	const char *path;		/* the file */
	const unsigned int *lines;	/* of its keys; see settings_blame */
	const void *as_read;		/* see settings_changes */
};

/* Everything lives in the arena. Checks what can be checked without the directory. */
int settings_load(const char *path, struct arena *arena, struct settings *out, struct err *e)
	MUST_CHECK;
/*
 * Puts "FILE:LINE: KEY: " in front of e->text: that key's value turned out to be wrong. Returns -1.
 */
int settings_blame(const struct settings *s, const char *key, struct err *e);

/*
 * Reads the file again and tells each key that stands there with another value than s was made
 * from, with its line (0: it is gone). It is not checked what the values are good for. -1 if the
 * file cannot be read.
 */
typedef void settings_change_cb(const char *key, unsigned int line, void *ctx);
int settings_changes(const struct settings *s, settings_change_cb *cb, void *ctx,
	struct err *e) MUST_CHECK;

#endif
