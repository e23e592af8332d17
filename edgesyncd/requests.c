/* requests.c - see requests.h */
#include "edgesyncd/requests.h"

#include <stdlib.h>

#include <utlist.h>

#include "libhub/base/mem.h"

struct request {
	struct requests *owner;
	int id;
	request_entry_cb *each;
	request_cb *cb;
	void *ctx;
	struct request *prev, *next;
};

static void take_entry(struct request *r, LDAP *ld, LDAPMessage *m)
{
	struct arena *a = arena_new();
	struct err e;
	struct draft d;

	draft_init(&d, a);
	/* lest they be taken for what was pushed, and stay */
	d.options = DRAFT_APART;
	/* an entry that cannot be read counts as none: then it differs */
	if (directory_entry(ld, m, &d, &e) == 0 && r->each != NULL)
		r->each(draft_entry(&d), r->ctx);
	/* passwords of connectors, the key of the hashes */
	arena_free_wiped(&a);
}

static void on_message(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct request *r = ctx;
	struct request done = *r;
	int type = m != NULL ? ldap_msgtype(m) : LDAP_RES_ANY;
	char text[400];
	int code;

	if (type == LDAP_RES_SEARCH_ENTRY) {
		take_entry(r, ld, m);
		return;
	}
	if (type == LDAP_RES_SEARCH_REFERENCE || type == LDAP_RES_INTERMEDIATE)
		return;
	DL_DELETE(r->owner->list, r);
	r->owner->n--;
	free(r);
	if (m == NULL)
		return;
	code = directory_result(ld, m, text, sizeof(text));
	done.cb(code, text, done.ctx);
}

static struct request *prepare(struct requests *owner, request_cb *cb, void *ctx)
{
	struct request *r = xcalloc(1, sizeof(*r));

	BUG_ON(owner->c == NULL);
	r->owner = owner;
	r->cb = cb;
	r->ctx = ctx;
	return r;
}

static int sent(struct request *r, int id)
{
	if (id < 0) {
		free(r);
		return -1;
	}
	r->id = id;
	DL_APPEND(r->owner->list, r);
	r->owner->n++;
	return 0;
}

int requests_search(struct requests *owner, const struct directory_query *q,
	request_entry_cb *each, request_cb *cb, void *ctx, struct err *e)
{
	struct request *r = prepare(owner, cb, ctx);

	r->each = each;
	return sent(r, directory_search(owner->c, q, on_message, r, e));
}

int requests_add(struct requests *owner, const struct entry *entry, request_cb *cb, void *ctx,
	struct err *e)
{
	struct request *r = prepare(owner, cb, ctx);

	return sent(r, directory_add(owner->c, entry, NULL, on_message, r, e));
}

int requests_modify(struct requests *owner, const char *dn, const struct directory_change *changes,
	size_t n, request_cb *cb, void *ctx, struct err *e)
{
	struct request *r = prepare(owner, cb, ctx);

	return sent(r, directory_modify(owner->c, dn, changes, n, NULL, on_message, r, e));
}

int requests_delete(struct requests *owner, const char *dn, request_cb *cb, void *ctx,
	struct err *e)
{
	struct request *r = prepare(owner, cb, ctx);

	return sent(r, directory_delete(owner->c, dn, NULL, on_message, r, e));
}

void requests_cancel(struct requests *owner)
{
	struct request *r, *next;

	DL_FOREACH_SAFE(owner->list, r, next) {
		directory_abandon(owner->c, r->id);
		free(r);
	}
	owner->list = NULL;
	owner->n = 0;
}
