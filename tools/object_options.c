/* object_options.c - from words and options to names, DNs and values. */
#include <string.h>
#include <strings.h>

#include <openssl/pem.h>

#include "libhub/org/attr.h"
#include "libhub/org/dn.h"
#include "libhub/org/print.h"
#include "libhub/tls/error.h"
#include "libhub/tls/pin.h"
#include "tools/object.h"

enum { BLOB_FILE_MAX = 64 * 1024, SECRET_FILE_MAX = 1024 };

/* --- names --- */

static bool has_cn(const struct entry *entry, const char *cn)
{
	const char *value = org_entry_value(entry, "cn");

	return value != NULL && name_compare(value, cn) == 0;
}

/* Does dn stand directly below an entry called cn? */
static bool is_below(const char *dn, const char *cn)
{
	struct arena *a = arena_new();
	const char *ndn = dn_normalize(a, dn), *wanted;
	bool below = false;

	if (ndn != NULL) {
		wanted = dn_normalize(a, arena_printf(a, "cn=%s", cn));
		ndn = dn_parent(ndn);
		below = wanted != NULL && strncmp(ndn, wanted, strlen(wanted)) == 0 &&
			(ndn[strlen(wanted)] == ',' || ndn[strlen(wanted)] == '\0');
	}
	arena_free(&a);
	return below;
}

static const char *find_named(const struct org *org, const struct obj_class *class, const char *cn,
	const char *server, struct err *e)
{
	const char *found = NULL;
	size_t i;

	for (i = 0; i < org->n; i++) {
		if (org_entry_class(org->entries[i]) != class || !has_cn(org->entries[i], cn) ||
			(server != NULL && !is_below(org->entries[i]->dn, server)))
			continue;
		if (found != NULL) {
			err_set(e, ERR_PERM, 0, "several servers have a %s \"%s\": say which by "
				"--server",
				class->noun, cn);
			return NULL;
		}
		found = org->entries[i]->dn;
	}
	if (found == NULL)
		err_set(e, ERR_PERM, 0, "there is no %s \"%s\"%s%s", class->noun, cn,
			server != NULL ? " on server " : "", server != NULL ? server : "");
	return found;
}

const char *object_find(const struct org *org, const struct obj_class *class, const char *word,
	struct err *e)
{
	const struct entry *entry;
	const char *slash = strchr(word, '/'), *server = NULL;

	if (strchr(word, '=') != NULL) {
		entry = org_entry(org, word);
		if (entry != NULL && org_entry_class(entry) == class)
			return entry->dn;
		err_set(e, ERR_PERM, 0, "there is no %s %s", class->noun, word);
		return NULL;
	}
	if (class->kind == OBJ_RECEIVE_CONNECTOR && slash != NULL) {
		server = arena_strndup(org->ctl->arena, word, (size_t)(slash - word));
		word = slash + 1;
	} else if (class->kind == OBJ_RECEIVE_CONNECTOR) {
		server = org->ctl->server;
	}
	return find_named(org, class, word, server, e);
}

const char *object_dn(const struct org *org, const struct obj_class *class, const char *cn,
	const char *parent)
{
	const struct entry *container;

	if (parent == NULL) {
		parent = arena_printf(org->ctl->arena, "%s,%s", class->container, org->base);
		container = org_entry(org, parent);
		/* as the directory writes it */
		if (container != NULL)
			parent = container->dn;
	}
	return arena_printf(org->ctl->arena, "cn=%s,%s", cn, parent);
}

/* --- values --- */

/* May values of the kind be joined by commas? */
static bool takes_commas(const struct attr_def *def, const char *text)
{
	switch (def->kind) {
	case ATTR_ENUMS:
	case ATTR_NAMES:
	case ATTR_SMART_HOSTS:
	case ATTR_ENDPOINTS:
	case ATTR_RANGES:
		return true;
	case ATTR_REFS:
		/* DNs have commas of their own */
		return strchr(text, '=') == NULL;
	case ATTR_SPACES:
		/* and so may spaces of types that are no domains */
		return strchr(text, ':') == NULL || strncasecmp(text, "SMTP:", 5) == 0;
	default:
		return false;
	}
}

static int put_secret(const struct org *org, struct change_attr *attr, const char *text,
	struct err *e)
{
	char *data;
	size_t size;

	if (*text != '@')
		return change_add_value(org->ctl, attr, text, strlen(text), e);
	data = ctl_read_file(org->ctl, text + 1, SECRET_FILE_MAX, &size, e);
	if (data == NULL)
		return -1;
	return change_add_value(org->ctl, attr, data, strcspn(data, "\r\n"), e);
}

/* A certificate file may be PEM or DER; anything else is taken as it is. */
static int put_file(const struct org *org, struct change_attr *attr, const char *path,
	struct err *e)
{
	size_t size;
	void *data = ctl_read_file(org->ctl, path, BLOB_FILE_MAX, &size, e);
	unsigned char *der = NULL;
	X509 *cert;
	BIO *bio;
	int n, rc;

	if (data == NULL)
		return -1;
	if (strstr(data, "-----BEGIN") == NULL)
		return change_add_value(org->ctl, attr, data, size, e);
	bio = BIO_new_mem_buf(data, (int)size);
	cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	n = cert != NULL ? i2d_X509(cert, &der) : -1;
	X509_free(cert);
	if (n < 0)
		return tls_error_set(e, ERR_CONFIG, "%s: no certificate", path);
	rc = change_add_value(org->ctl, attr, der, (size_t)n, e);
	OPENSSL_free(der);
	return rc;
}

static int put_value(const struct org *org, const struct attr_def *def, struct change_attr *attr,
	const char *text, struct err *e)
{
	const char *dn;

	if ((def->flags & ATTR_SECRET) != 0)
		return put_secret(org, attr, text, e);
	if (def->kind == ATTR_BLOBS)
		return put_file(org, attr, text, e);
	if ((def->kind == ATTR_REF || def->kind == ATTR_REFS) && strchr(text, '=') == NULL) {
		dn = object_find(org, obj_classes[def->ref_kind], text, e);
		if (dn == NULL)
			return -1;
		return change_add_value(org->ctl, attr, dn, strlen(dn), e);
	}
	if (def->kind == ATTR_FLAG && strcasecmp(text, "yes") == 0)
		text = "TRUE";
	else if (def->kind == ATTR_FLAG && strcasecmp(text, "no") == 0)
		text = "FALSE";
	return change_add_value(org->ctl, attr, text, strlen(text), e);
}

static int put_values(const struct org *org, const struct attr_def *def, struct change_attr *attr,
	const char *text, struct err *e)
{
	char *copy, *word, *save = NULL;

	if (!takes_commas(def, text) || strchr(text, ',') == NULL)
		return put_value(org, def, attr, text, e);
	copy = arena_strdup(org->ctl->arena, text);
	for (word = strtok_r(copy, ",", &save); word != NULL; word = strtok_r(NULL, ",", &save)) {
		word += strspn(word, " ");
		if (put_value(org, def, attr, word, e) != 0)
			return -1;
	}
	return 0;
}

int object_take_options(const struct org *org, const struct args *args, struct change *c,
	struct err *e)
{
	const struct attr_def *def;
	struct err why;
	size_t i;

	for (i = 0; i < args->n; i++) {
		const char *name = args->v[i].name, *value = args->v[i].value;
		bool removes = value == NULL || *value == '\0';

		def = obj_class_option(c->class, strcmp(name, "site") == 0 ? "server-site" : name);
		if (def == NULL || (removes && c->kind == CHANGE_ADD))
			continue;
		if (removes)
			change_attr(org->ctl, c, def->name)->n = 0;
		else if (put_values(org, def, change_attr(org->ctl, c, def->name), value,
			&why) != 0)
			return err_set(e, why.class, 0, "--%s: %s", name, why.text);
	}
	return 0;
}
