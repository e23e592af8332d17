/* replica_marker.c - see replica_marker.h */
#include "libhub/org/replica_marker.h"

#include <string.h>
#include <strings.h>

#include "libhub/directory/draft.h"
#include "libhub/directory/generalized_time.h"

const char *const replica_marker_dns[REPLICA_DATA] = {
	[REPLICA_CONFIGURATION] = "cn=Configuration,cn=Push",
	[REPLICA_RECIPIENTS] = "cn=Recipients,cn=Push",
};

const char *const replica_marker_rdns[REPLICA_DATA] = {
	[REPLICA_CONFIGURATION] = "cn=configuration,cn=push",
	[REPLICA_RECIPIENTS] = "cn=recipients,cn=push",
};

static int take_text(const struct entry *e, const char *name, char *out, size_t size)
{
	const char *text = entry_text(e, name);

	if (text == NULL)
		return 0;
	if (strlen(text) >= size)
		return -1;
	strcpy(out, text);
	return 0;
}

static int take_key(const struct entry *e, struct replica_marker *m)
{
	const struct entry_attr *attr = entry_attr(e, "hubHashKey");

	if (attr == NULL || attr->n == 0)
		return 0;
	if (attr->values[0].size != sizeof(m->key))
		return -1;
	memcpy(m->key, attr->values[0].data, sizeof(m->key));
	m->has_key = true;
	return 0;
}

static bool is_digest(const char *text)
{
	return *text == '\0' || (strlen(text) == REPLICA_DIGEST_TEXT - 1 &&
		strspn(text, "0123456789abcdef") == REPLICA_DIGEST_TEXT - 1);
}

/* The attribute that has another form, or NULL. */
static const char *take_all(const struct entry *e, struct replica_marker *m)
{
	const char *when = entry_text(e, "hubPushTime");

	if (take_text(e, "hubPushFingerprint", m->fingerprint, sizeof(m->fingerprint)) < 0)
		return "hubPushFingerprint";
	if (take_text(e, "hubPushHolder", m->holder, sizeof(m->holder)) < 0)
		return "hubPushHolder";
	if (take_text(e, "hubPushDigest", m->digest, sizeof(m->digest)) < 0 ||
	    !is_digest(m->digest))
		return "hubPushDigest";
	if (when != NULL && generalized_time_parse(when, &m->time_s) < 0)
		return "hubPushTime";
	return take_key(e, m) < 0 ? "hubHashKey" : NULL;
}

static bool is_marker(const struct entry *e)
{
	const struct entry_attr *classes = entry_attr(e, "objectClass");
	size_t i;

	for (i = 0; classes != NULL && i < classes->n; i++)
		if (strcasecmp((const char *)classes->values[i].data, "hubPushMarker") == 0)
			return true;
	return false;
}

int replica_marker_read(const struct entry *e, struct replica_marker *m, struct err *err)
{
	const char *bad;

	memset(m, 0, sizeof(*m));
	if (!is_marker(e))
		return err_set(err, ERR_PERM, 0, "%.200s is no hubPushMarker", e->dn);
	bad = take_all(e, m);
	if (bad == NULL)
		return 0;
	explicit_bzero(m, sizeof(*m));
	return err_set(err, ERR_PERM, 0, "%.200s: %s has a wrong form", e->dn, bad);
}

static void add(struct draft *d, const char *name, const void *value, size_t size)
{
	BUG_ON(draft_add(d, name, strlen(name), value, size, NULL) < 0);
}

static void add_text(struct draft *d, const char *name, const char *text)
{
	if (*text != '\0')
		add(d, name, text, strlen(text));
}

const struct entry *replica_marker_entry(struct arena *a, enum replica_data which, const char *base,
	const struct replica_marker *m)
{
	static const char *const names[REPLICA_DATA] = { "Configuration", "Recipients" };
	struct draft *d = arena_alloc(a, sizeof(*d));
	char when[GENERALIZED_TIME_TEXT];

	draft_init(d, a);
	d->entry.dn = arena_printf(a, "%s,%s", replica_marker_dns[which], base);
	add_text(d, "objectClass", "hubPushMarker");
	add_text(d, "cn", names[which]);
	add_text(d, "hubPushFingerprint", m->fingerprint);
	add_text(d, "hubPushDigest", m->digest);
	add_text(d, "hubPushHolder", m->holder);
	if (m->time_s != 0) {
		generalized_time_format(m->time_s, when);
		add_text(d, "hubPushTime", when);
	}
	if (m->has_key)
		add(d, "hubHashKey", m->key, sizeof(m->key));
	return draft_entry(d);
}
