/* trial_refusal.c - what a refused change is told. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libhub/org/trial_impl.h"

enum { NAMED_MAX = 5 };		/* referrers that a refusal lists */

const char *trial_object_name(const struct record *r)
{
	size_t i;

	if (r->obj != NULL)
		return r->obj->name;
	for (i = 0; i < r->raw.n; i++)
		if (strcasecmp(r->raw.attrs[i].name, "cn") == 0 && r->raw.attrs[i].n != 0)
			return (const char *)r->raw.attrs[i].values[0].data;
	return r->raw.dn;
}

int trial_refuse(struct err *e, const struct record *r, const char *reason)
{
	char text[sizeof(e->text)];

	/* reason may stand in e */
	snprintf(text, sizeof(text), "%s", reason);
	return err_set(e, ERR_CONFIG, 0, "%s \"%.80s\": %s", r->class->ldap_class,
		trial_object_name(r), text);
}

int trial_refuse_other(struct err *e, const struct obj *o, const char *reason)
{
	char text[sizeof(e->text)];

	snprintf(text, sizeof(text), "%s", reason);
	return err_set(e, ERR_CONFIG, 0, "this would break %s \"%.80s\": %s", o->class->ldap_class,
		o->name, text);
}

struct naming {
	const struct obj *last;
	size_t n;
	char text[200];
};

static void add_name(const struct obj *referrer, const char *attr, void *ctx)
{
	struct naming *names = ctx;
	size_t used = strlen(names->text);

	/* one that names it twice comes twice in a row */
	if (referrer == names->last)
		return;
	names->last = referrer;
	if (++names->n > NAMED_MAX)
		return;
	snprintf(names->text + used, sizeof(names->text) - used, "%s%s \"%.40s\"%s%s%s",
		names->n > 1 ? ", " : "", referrer->class->ldap_class, referrer->name,
		attr != NULL ? " (" : " below it", attr != NULL ? attr : "",
		attr != NULL ? ")" : "");
}

int trial_check_unnamed(struct trial *t, const struct record *r, const char *what, struct err *e)
{
	struct naming names = { 0 };
	const struct obj target = { .ndn = r->ndn };

	snapshot_each_referrer(trial_snapshot(t), &target, add_name, &names);
	if (names.n == 0)
		return 0;
	return err_set(e, ERR_CONFIG, 0, "%s \"%.60s\" cannot be %s, %zu still name%s it: %s%s",
		r->class->ldap_class, trial_object_name(r), what, names.n, names.n == 1 ? "s" : "",
		names.text, names.n > NAMED_MAX ? ", ..." : "");
}
