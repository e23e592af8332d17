/* object_options.c - from words and options to names, DNs and values. */
#include <stdlib.h>
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

enum { NAMES_SHOWN = 10 };

static int compare_names(const void *x, const void *y)
{
	return name_compare(*(const char *const *)x, *(const char *const *)y);
}

/* What the person may have meant. */
static const char *names_there(const struct org *org, const struct obj_class *class,
	const char *server)
{
	struct arena *a = org->ctl->arena;
	const char **names = arena_alloc(a, (org->n + 1) * sizeof(*names)), *text = "", *cn;
	size_t i, n = 0;

	for (i = 0; i < org->n; i++) {
		cn = org_entry_value(org->entries[i], "cn");
		if (cn != NULL && org_entry_class(org->entries[i]) == class &&
		    (server == NULL || is_below(org->entries[i]->dn, server)))
			names[n++] = cn;
	}
	if (n == 0)
		return "there are none";
	qsort(names, n, sizeof(*names), compare_names);
	for (i = 0; i < n && i < NAMES_SHOWN; i++)
		text = arena_printf(a, "%s%s%s", text, i > 0 ? ", " : "", names[i]);
	return n <= NAMES_SHOWN ? arena_printf(a, "there are: %s", text) :
		arena_printf(a, "there are: %s and %zu more", text, n - NAMES_SHOWN);
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
		err_set(e, ERR_PERM, 0, "there is no %s \"%s\"%s%s; %s", class->noun, cn,
			server != NULL ? " on server " : "", server != NULL ? server : "",
			names_there(org, class, server));
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

/* The values that come from files are certificates, PEM or DER. */
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
	bio = BIO_new_mem_buf(data, (int)size);
	cert = strstr(data, "-----BEGIN") != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) :
		d2i_X509_bio(bio, NULL);
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

int object_put_values(const struct org *org, const struct attr_def *def, struct change_attr *attr,
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

static bool is_set(const struct args *args, const char *name)
{
	size_t i;

	for (i = 0; i < args->n; i++)
		if (args->v[i].way == ARG_SET && strcmp(args->v[i].name, name) == 0)
			return true;
	return false;
}

static int take_option(const struct org *org, const struct args *args, const struct attr_def *def,
	const struct arg *arg, struct change *c, struct err *e)
{
	static const char *const prefixes[] = { "", "add-", "remove-" };
	bool clears = arg->value == NULL || *arg->value == '\0';
	struct err why;
	int rc = 0;

	if (arg->way != ARG_SET && is_set(args, arg->name))
		return err_set(e, ERR_PERM, 0, "--%s%s: --%s gives all values already",
			prefixes[arg->way], arg->name, arg->name);
	if (arg->way != ARG_SET)
		rc = object_edit(org, def, arg, c, &why);
	else if (clears && c->kind == CHANGE_MODIFY)
		change_attr(org->ctl, c, def->name)->n = 0;
	else if (!clears)
		rc = object_put_values(org, def, change_attr(org->ctl, c, def->name), arg->value,
			&why);
	if (rc != 0)
		err_set(e, why.class, 0, "--%s%s: %s", prefixes[arg->way], arg->name, why.text);
	return rc;
}

static int take_options(const struct org *org, const struct args *args, bool edits,
	struct change *c, struct err *e)
{
	const struct attr_def *def;
	const struct arg *arg;
	size_t i;

	for (i = 0; i < args->n; i++) {
		arg = &args->v[i];
		def = obj_class_option(c->class, strcmp(arg->name, "site") == 0 ? "server-site" :
			arg->name);
		if (def != NULL && (arg->way != ARG_SET) == edits &&
			take_option(org, args, def, arg, c, e) != 0)
			return -1;
	}
	return 0;
}

/* What is set comes first: defaults that an edit keeps may follow from it. */
int object_take_options(const struct org *org, const struct args *args, struct change *c,
	struct err *e)
{
	return take_options(org, args, false, c, e) != 0 ||
		take_options(org, args, true, c, e) != 0 ? -1 : object_edit_finish(c, e);
}
