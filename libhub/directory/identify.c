/* identify.c - see identify.h */
#include "libhub/directory/identify.h"

#include <stdlib.h>
#include <string.h>

#include "libhub/base/mem.h"

struct identify {
	struct directory_connection *c;
	const char *base, *epoch_dn;
	identify_cb *cb;
	void *ctx;
	int search;			/* message id */
	bool base_seen;
	unsigned char base_uuid[16];
	char epoch[ENTRY_UUID_TEXT];
};

static int search(struct identify *i, const char *dn, const char *attr, directory_message_cb *cb,
	struct err *e)
{
	const char *attrs[] = { attr, NULL };
	struct directory_query q = {
		.base = dn, .filter = "(objectClass=*)", .scope = LDAP_SCOPE_BASE, .attrs = attrs,
	};

	i->search = directory_search(i->c, &q, cb, i, e);
	return i->search < 0 ? -1 : 0;
}

static void fail(struct identify *i, const struct err *e)
{
	identify_cb *cb = i->cb;
	void *ctx = i->ctx;

	free(i);
	cb(NULL, e, ctx);
}

static void succeed(struct identify *i)
{
	char uuid[ENTRY_UUID_TEXT];
	struct identity id;
	identify_cb *cb = i->cb;
	void *ctx = i->ctx;

	entry_uuid_format(i->base_uuid, uuid);
	memcpy(id.base_uuid, i->base_uuid, sizeof(id.base_uuid));
	snprintf(id.text, sizeof(id.text), "%s/%s", uuid, i->epoch);
	free(i);
	cb(&id, NULL, ctx);
}

static void take_epoch(struct identify *i, const struct entry *e)
{
	if (e->n == 1 && e->attrs[0].n == 1)
		snprintf(i->epoch, sizeof(i->epoch), "%s",
			(const char *)e->attrs[0].values[0].data);
}

static void on_epoch(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct identify *i = ctx;
	struct err e = { 0 };
	struct arena *a;
	char text[200];
	struct draft r;
	int code;

	if (m == NULL)
		return;
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT) {
		code = directory_result(ld, m, text, sizeof(text));
		/* a server that is busy must not look like one with another epoch */
		if (code == LDAP_SUCCESS || code == LDAP_NO_SUCH_OBJECT ||
		    code == LDAP_INSUFFICIENT_ACCESS) {
			succeed(i);
			return;
		}
		err_set(&e, ERR_TEMP, 0, "ends the search for %.100s: %s", i->epoch_dn, text);
		fail(i, &e);
	} else if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY) {
		a = arena_new();
		draft_init(&r, a);
		if (directory_entry(ld, m, &r, NULL) == 0)
			take_epoch(i, draft_entry(&r));
		arena_free(&a);
	}
}

static void take_base(struct identify *i, LDAP *ld, LDAPMessage *m)
{
	struct arena *a = arena_new();
	struct draft r;

	draft_init(&r, a);
	if (directory_entry(ld, m, &r, NULL) == 0 && r.entry.has_uuid) {
		memcpy(i->base_uuid, r.entry.uuid, sizeof(i->base_uuid));
		i->base_seen = true;
	}
	arena_free(&a);
}

static void on_base(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct identify *i = ctx;
	char text[200];
	struct err e = { 0 };
	int code;

	if (m == NULL)
		return;
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
		take_base(i, ld, m);
	if (ldap_msgtype(m) != LDAP_RES_SEARCH_RESULT)
		return;
	code = directory_result(ld, m, text, sizeof(text));
	if (code != LDAP_SUCCESS)
		err_set(&e, ERR_TEMP, 0, "ends the search for %.100s: %s", i->base, text);
	else if (!i->base_seen)
		err_set(&e, ERR_TEMP, 0, "does not show the entry %.100s: nothing is taken over",
			i->base);
	else
		(void)search(i, i->epoch_dn, "hubEpoch", on_epoch, &e);
	if (e.class != ERR_NONE)
		fail(i, &e);
}

struct identify *identify_start(struct directory_connection *c, const char *base,
	const char *epoch_dn, identify_cb *cb, void *ctx, struct err *e)
{
	struct identify *i = xcalloc(1, sizeof(*i));

	i->c = c;
	i->base = base;
	i->epoch_dn = epoch_dn;
	i->cb = cb;
	i->ctx = ctx;
	if (search(i, base, "entryUUID", on_base, e) == 0)
		return i;
	free(i);
	return NULL;
}

void identify_cancel(struct identify **ip)
{
	struct identify *i = *ip;

	if (i == NULL)
		return;
	*ip = NULL;
	directory_abandon(i->c, i->search);
	free(i);
}
