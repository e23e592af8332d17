/* subscription_check.c - what an organization has to say against a subscription file; see
 * subscription_file.h
 */
#include "libhub/edge/subscription_file.h"

#include <string.h>
#include <strings.h>

#include "libhub/directory/generalized_time.h"
#include "libhub/tls/pin.h"

static int check_time(const struct subscription_file *f, int64_t now_s, struct err *e)
{
	char from[GENERALIZED_TIME_TEXT], to[GENERALIZED_TIME_TEXT], now[GENERALIZED_TIME_TEXT];

	generalized_time_format(f->from_s, from);
	generalized_time_format(f->to_s, to);
	generalized_time_format(now_s, now);
	if (now_s > f->to_s)
		return err_set(e, ERR_PERM, 0, "the file expired at %s; it is %s: make a new one "
			"on %s", to, now, f->edge);
	if (now_s + SUBSCRIPTION_FILE_SLACK_S < f->from_s)
		return err_set(e, ERR_PERM, 0, "the file is not valid before %s; it is %s: the "
			"clock of %s or ours is wrong", from, now, f->edge);
	return 0;
}

/* "20261122101931Z <uuid>" of what was imported last. */
static int check_serial(const struct subscription_file *f, const char *last, struct err *e)
{
	char when[GENERALIZED_TIME_TEXT];
	const char *uuid = last != NULL ? strchr(last, ' ') : NULL;
	int64_t last_s;

	if (uuid == NULL || uuid - last != GENERALIZED_TIME_TEXT - 1)
		return 0;
	memcpy(when, last, sizeof(when) - 1);
	when[sizeof(when) - 1] = '\0';
	if (strcasecmp(uuid + 1, f->uuid) == 0)
		return err_set(e, ERR_PERM, 0, "this file was imported before: make a new one on "
			"%s", f->edge);
	if (generalized_time_parse(when, &last_s) == 0 && f->from_s < last_s)
		return err_set(e, ERR_PERM, 0, "a newer file of %s was imported before, made at "
			"%s: make a new one there", f->edge, when);
	return 0;
}

static const struct server *edge_of(const struct snapshot *s, const struct subscription_file *f)
{
	return (const void *)snapshot_find(s, OBJ_SERVER, f->edge);
}

static const struct edge_subscription *subscription_of(const struct snapshot *s, const char *edge)
{
	return (const void *)snapshot_find(s, OBJ_EDGE_SUBSCRIPTION, edge);
}

static bool has_key(const struct blobs *certificates, const struct blob *der)
{
	struct tls_pin_der one;
	char pin[TLS_PIN_SIZE];
	size_t i;

	if (tls_pin_of_der(der->data, der->size, pin, NULL) < 0)
		return false;
	for (i = 0; i < certificates->n; i++) {
		one = (struct tls_pin_der){ certificates->v[i].data, certificates->v[i].size };
		if (tls_pin_match(pin, NULL, 0, &one, 1))
			return true;
	}
	return false;
}

static bool share_key(const struct blobs *a, const struct blobs *b)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (has_key(a, &b->v[i]))
			return true;
	return false;
}

static int check_name(const struct subscription_file *f, const struct snapshot *s, struct err *e)
{
	const struct server *server = edge_of(s, f);

	if (server != NULL && server->role != ROLE_EDGE)
		return err_set(e, ERR_PERM, 0, "%s is the name of a hub of the organization",
			f->edge);
	if (snapshot_find(s, OBJ_MAILBOX_SERVER, f->edge) != NULL)
		return err_set(e, ERR_PERM, 0, "%s is the name of a mailbox server of the "
			"organization", f->edge);
	return 0;
}

/* Has the server a key that the file gives to the edge, as certificate or digest? */
static bool has_server_key(const struct server *server, const struct subscription_file *f)
{
	char pin[TLS_PIN_SIZE];
	size_t i;

	for (i = 0; i < f->certificates.n; i++)
		if (tls_pin_of_der(f->certificates.v[i].data, f->certificates.v[i].size, pin,
		    NULL) == 0 && server_has_key(server, pin))
			return true;
	for (i = 0; i < f->key_digests.n; i++)
		if (server_has_key(server, f->key_digests.v[i]))
			return true;
	return false;
}

/* Has another server what tells this edge from others? */
static int check_others(const struct subscription_file *f, const struct snapshot *s,
	struct err *e)
{
	const struct server *self = edge_of(s, f);
	size_t i;

	for (i = 0; i < s->all[OBJ_SERVER].n; i++) {
		const struct server *server = SNAPSHOT_AT(s, OBJ_SERVER, server, i);

		if (server == self)
			continue;
		if (server->fqdn != NULL && strcasecmp(server->fqdn, f->fqdn) == 0)
			return err_set(e, ERR_PERM, 0, "hubFQDN %s is that of %s", f->fqdn,
				server->obj.name);
		if (has_server_key(server, f))
			return err_set(e, ERR_PERM, 0, "the key of %s is that of %s",
				f->edge, server->obj.name);
	}
	for (i = 0; i < s->all[OBJ_EDGE_SUBSCRIPTION].n; i++) {
		const struct edge_subscription *sub =
			SNAPSHOT_AT(s, OBJ_EDGE_SUBSCRIPTION, edge_subscription, i);

		if (name_compare(sub->obj.name, f->edge) != 0 &&
		    share_key(&sub->directory_certificates, &f->directory_certificates))
			return err_set(e, ERR_PERM, 0, "the certificate of the directory of %s has "
				"the key of that of %s", f->edge, sub->obj.name);
	}
	return 0;
}

static int check_site(const struct subscription_file *f, const struct snapshot *s,
	const char *site, struct err *e)
{
	const struct obj *wanted = snapshot_find(s, OBJ_SITE, site);
	const struct edge_subscription *sub = subscription_of(s, f->edge);

	if (wanted == NULL)
		return err_set(e, ERR_PERM, 0, "there is no site %.100s", site);
	if (sub != NULL && sub->removed)
		return err_set(e, ERR_PERM, 0, "the subscription of %s is being removed: wait, or "
			"remove it with --now", f->edge);
	if (sub != NULL && sub->site.target != NULL && sub->site.target != wanted)
		return err_set(e, ERR_PERM, 0, "%s is subscribed to site %s already: remove that "
			"subscription first", f->edge, sub->site.target->name);
	return 0;
}

/* Is it the edge that is subscribed under that name? */
static int check_same(const struct subscription_file *f, const struct snapshot *s, bool replace,
	struct err *e)
{
	const struct edge_subscription *sub = subscription_of(s, f->edge);
	const struct server *server = edge_of(s, f);

	if (sub == NULL)
		return 0;
	if (check_serial(f, sub->serial, e) < 0)
		return -1;
	if (replace)
		return 0;
	if (server != NULL && server->fqdn != NULL && strcasecmp(server->fqdn, f->fqdn) != 0)
		return err_set(e, ERR_PERM, 0, "the file is of another edge: %s is subscribed as "
			"%s, the file says %s (--replace if it was installed anew)", f->edge,
			server->fqdn, f->fqdn);
	if (sub->directory_certificates.n != 0 &&
	    !share_key(&sub->directory_certificates, &f->directory_certificates))
		return err_set(e, ERR_PERM, 0, "the file is of another edge: its directory has "
			"not the key with which %s is subscribed (--replace if it was installed "
			"anew)", f->edge);
	return 0;
}

int subscription_file_check(const struct subscription_file *f, const struct snapshot *s,
	const char *site, int64_t now_s, bool replace, struct err *e)
{
	if (check_time(f, now_s, e) < 0 || check_name(f, s, e) < 0 ||
	    check_site(f, s, site, e) < 0 || check_same(f, s, replace, e) < 0)
		return -1;
	return check_others(f, s, e);
}
