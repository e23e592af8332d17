/* key_pairs.c - see key_pairs.h */
#include "libhub/daemon/key_pairs.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int is_certificate(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return end != NULL && entry->d_name[0] != '.' &&
		(strcmp(end, ".crt") == 0 || strcmp(end, ".pem") == 0);
}

static int one(const char *certificates, const char *name, const char *keys, key_pair_cb *cb,
	void *ctx, struct err *e)
{
	char *certificate = xasprintf("%s/%s", certificates, name);
	char *key = xasprintf("%s/%.*s.key", keys, (int)(strrchr(name, '.') - name), name);
	int rc = cb(certificate, key, ctx, e);

	free(certificate);
	free(key);
	return rc;
}

static int each_in_folder(const char *certificates, const char *keys, key_pair_cb *cb, void *ctx,
	struct err *e)
{
	struct dirent **names;
	int n = scandir(certificates, &names, is_certificate, alphasort), i, rc = 0;

	if (n < 0)
		return err_set(e, ERR_CONFIG, errno, "%s", certificates);
	if (n > KEY_PAIRS_FOLDER_MAX)
		rc = err_set(e, ERR_CONFIG, 0, "%s: more than %d certificates", certificates,
			KEY_PAIRS_FOLDER_MAX);
	for (i = 0; i < n; i++) {
		if (rc == 0)
			rc = one(certificates, names[i]->d_name, keys, cb, ctx, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

int key_pairs_each(const struct settings_key_pairs *p, key_pair_cb *cb, void *ctx, struct err *e)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < p->n && rc == 0; i++) {
		/* the first pair is the server's own, by which it is known: it has to be named */
		if (i > 0 && is_folder(p->certificates[i]))
			rc = each_in_folder(p->certificates[i], p->keys[i], cb, ctx, e);
		else
			rc = cb(p->certificates[i], p->keys[i], ctx, e);
	}
	return rc;
}
