/* recipients_decode.c - see recipients_decode.h */
#include "libhub/org/recipients_decode.h"

#include <string.h>
#include <strings.h>

#include "libhub/base/log.h"
#include "libhub/org/dn.h"
#include "libhub/org/recipients.h"
#include "libhub/org/value.h"

enum { HOST_MAX = 255 };

/* What one entry says, before it becomes a record. */
struct draft {
	struct arena *a;
	struct roster_entry *out;
	const char *addresses[ROSTER_ADDRESSES_MAX];
	const char **members;
};

static const char *value_of(const struct entry_attr *attr, size_t i)
{
	return (const char *)attr->values[i].data;
}

static bool is_address(const struct blob *v)
{
	const char *text = (const char *)v->data;

	return v->size != 0 && v->size <= RECIPIENT_TEXT_MAX && value_is_text(text, v->size) &&
		strchr(text, '@') != NULL;
}

static void take_address(struct draft *d, const char *folded)
{
	struct roster_entry *out = d->out;
	size_t i;

	for (i = 0; i < out->address_count; i++)
		if (strcmp(d->addresses[i], folded) == 0)
			return;
	if (out->address_count < ROSTER_ADDRESSES_MAX)
		d->addresses[out->address_count++] = folded;
}

/* mail may have several values and they have no order: the lowest is the one shown. */
static void take_addresses(struct draft *d, const struct entry_attr *attr, bool mail)
{
	const char *text;
	size_t i;

	for (i = 0; i < attr->n; i++) {
		if (!is_address(&attr->values[i]))
			continue;
		text = value_of(attr, i);
		take_address(d, name_fold(d->a, text));
		if (mail && (*d->out->mail == '\0' || strcmp(text, d->out->mail) < 0))
			d->out->mail = text;
	}
}

static void take_members(struct draft *d, const struct entry_attr *attr)
{
	size_t n = attr->n <= ROSTER_MEMBERS_MAX ? attr->n : ROSTER_MEMBERS_MAX;
	size_t i;

	d->out->group = true;
	if (attr->n > n)
		log_event(LOG_LEVEL_ERROR, "group-cut", LOG_STR("dn", d->out->dn),
			LOG_UINT("members", attr->n), LOG_UINT("taken", n), LOG_END);
	d->members = arena_alloc(d->a, n * sizeof(*d->members));
	d->out->members = d->members;
	for (i = 0; i < n; i++) {
		const char *ndn = NULL;

		if (attr->values[i].size <= ROSTER_DN_MAX)
			ndn = dn_normalize(d->a, value_of(attr, i));
		if (ndn != NULL)
			d->members[d->out->member_count++] = ndn;
	}
}

static void take_classes(struct draft *d, const struct entry_attr *attr)
{
	size_t i;

	for (i = 0; i < attr->n; i++)
		if (strcasecmp(value_of(attr, i), "groupOfNames") == 0 ||
		    strcasecmp(value_of(attr, i), "hubMailGroup") == 0)
			d->out->group = true;
}

static void take_text(const char **to, const struct entry_attr *attr, size_t max)
{
	if (attr->n != 0 && attr->values[0].size <= max &&
	    value_is_text(value_of(attr, 0), attr->values[0].size))
		*to = value_of(attr, 0);
}

static void take_server(struct draft *d, const struct entry_attr *attr)
{
	const char *ndn = NULL;

	if (attr->values[0].size <= HOST_MAX)
		ndn = dn_normalize(d->a, value_of(attr, 0));
	d->out->expansion = ndn != NULL ? ndn : "";
}

static void take_attr(struct draft *d, const struct entry_attr *attr)
{
	if (strcasecmp(attr->name, "mail") == 0)
		take_addresses(d, attr, true);
	else if (strcasecmp(attr->name, "mailLocalAddress") == 0)
		take_addresses(d, attr, false);
	else if (strcasecmp(attr->name, "mailRoutingAddress") == 0)
		take_text(&d->out->routing, attr, RECIPIENT_TEXT_MAX);
	else if (strcasecmp(attr->name, "mailHost") == 0)
		take_text(&d->out->host, attr, HOST_MAX);
	else if (strcasecmp(attr->name, "member") == 0)
		take_members(d, attr);
	else if (strcasecmp(attr->name, "objectClass") == 0)
		take_classes(d, attr);
	else if (strcasecmp(attr->name, "hubRefuseOutsideMail") == 0)
		d->out->refuse_outside_mail = attr->n != 0 &&
			strcmp(value_of(attr, 0), "TRUE") == 0;
	else if (strcasecmp(attr->name, "hubExpansionServer") == 0 && attr->n != 0)
		take_server(d, attr);
}

/* The folded form of mail goes first: where it is the same text it is kept once. */
static void put_mail_first(struct draft *d)
{
	const char *first = d->addresses[0];
	size_t i;

	for (i = 1; i < d->out->address_count; i++)
		if (strcmp(d->addresses[i], d->out->mail) == 0) {
			d->addresses[0] = d->addresses[i];
			d->addresses[i] = first;
			return;
		}
}

/* What no recipient says is not kept. */
static void drop_rest(struct roster_entry *out)
{
	out->mail = out->routing = out->host = out->expansion = "";
	out->group = out->refuse_outside_mail = false;
	out->member_count = 0;
}

int recipients_decode(struct arena *a, const struct entry *e, struct roster_entry *out)
{
	struct draft d = { .a = a, .out = out };
	size_t i;

	*out = (struct roster_entry){
		.has_uuid = e->has_uuid, .mail = "", .routing = "", .host = "", .expansion = "",
	};
	out->dn = strlen(e->dn) <= ROSTER_DN_MAX ? dn_normalize(a, e->dn) : NULL;
	if (out->dn == NULL)
		return -1;
	memcpy(out->uuid, e->uuid, sizeof(out->uuid));
	for (i = 0; i < e->n; i++)
		take_attr(&d, &e->attrs[i]);
	if (out->address_count == 0)
		drop_rest(out);
	else
		put_mail_first(&d);
	out->addresses = arena_memdup(a, d.addresses, out->address_count * sizeof(*d.addresses));
	return 0;
}
