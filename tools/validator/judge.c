/* judge.c - see judge.h */
#include "tools/validator/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <ldap.h>

#include "libhub/org/attr.h"
#include "tools/validator/apply.h"

struct judging {
	struct trial *trial;
	const struct pendings *pendings;
	struct arena *a;
	const struct request *r;
	struct judgement *out;
};

static void say(struct judging *j, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void say(struct judging *j, int code, const char *fmt, ...)
{
	va_list ap;

	j->out->code = code;
	va_start(ap, fmt);
	vsnprintf(j->out->text, sizeof(j->out->text), fmt, ap);
	va_end(ap);
}

static void add_step(struct judging *j, const char *ndn, struct record *before)
{
	struct judge_step *step = &j->out->steps[j->out->n++];

	BUG_ON(j->out->n > JUDGE_STEPS_MAX);
	step->ndn = arena_strdup(j->a, ndn);
	step->before = before != NULL ? record_ref(before) : NULL;
}

/* The change has been tried: rc and e are the trial's answer. */
static void conclude(struct judging *j, int rc, const struct err *e)
{
	struct record *now;
	size_t i;

	if (rc != 0) {
		say(j, LDAP_CONSTRAINT_VIOLATION, "%s", e->text);
		judgement_end(j->out);
	}
	for (i = 0; i < j->out->n; i++) {
		now = trial_record(j->trial, j->out->steps[i].ndn);
		j->out->steps[i].after = now != NULL ? record_ref(now) : NULL;
	}
}

static void judge_add(struct judging *j, const char *ndn, struct record *before)
{
	const struct entry *after;
	struct err e;
	int code;

	/* one that only we have let through may have failed, and comes again corrected */
	if (before != NULL && !pendings_made(j->pendings, ndn)) {
		say(j, LDAP_ALREADY_EXISTS, "there is an entry of that name already");
		return;
	}
	after = apply_add(j->a, j->r, &code, &e);
	if (after == NULL) {
		say(j, code, "%s", e.text);
		return;
	}
	add_step(j, ndn, before);
	conclude(j, trial_store(j->trial, after, &e), &e);
}

static void judge_modify(struct judging *j, struct record *before)
{
	const struct entry *after;
	struct err e;
	int code;

	after = apply_modify(j->a, &before->raw, before->class, j->r, &code, &e);
	if (after == NULL) {
		say(j, code, "%s", e.text);
		return;
	}
	add_step(j, before->ndn, before);
	conclude(j, trial_store(j->trial, after, &e), &e);
}

static void judge_delete(struct judging *j, struct record *before)
{
	struct err e;

	add_step(j, before->ndn, before);
	conclude(j, trial_remove(j->trial, j->out->steps[0].ndn, &e), &e);
}

static void judge_rename(struct judging *j, struct record *before)
{
	const struct entry *after;
	const char *ndn;
	struct err e;
	int code;

	after = apply_rename(j->a, &before->raw, j->r, &code, &e);
	if (after == NULL) {
		say(j, code, "%s", e.text);
		return;
	}
	/* NULL: out of the organization, which the trial refuses */
	ndn = trial_normalize(j->trial, j->a, after->dn);
	if (ndn != NULL && strcmp(ndn, before->ndn) != 0 &&
	    trial_record(j->trial, ndn) != NULL) {
		say(j, LDAP_ALREADY_EXISTS, "there is an entry of that name already");
		return;
	}
	add_step(j, before->ndn, before);
	if (ndn != NULL && strcmp(ndn, before->ndn) != 0)
		add_step(j, ndn, NULL);
	conclude(j, trial_rename(j->trial, j->out->steps[0].ndn, after, &e), &e);
}

/* Only the names of entries that are no objects are known. */
static void judge_other(struct judging *j, const struct record *before)
{
	if (j->r->kind == REQUEST_RENAME && trial_has_children(j->trial, before->ndn))
		say(j, LDAP_CONSTRAINT_VIOLATION, "%.200s cannot be renamed: there are entries "
			"below it", before->raw.dn);
}

void judge(struct trial *t, const struct pendings *pendings, struct arena *a,
	const struct request *r, struct judgement *out)
{
	struct judging j = { t, pendings, a, r, out };
	const char *ndn = trial_normalize(t, a, r->dn);
	struct record *before = ndn != NULL ? trial_record(t, ndn) : NULL;

	*out = (struct judgement){ 0 };
	/* hubs would not see it at all */
	if (strlen(r->dn) > ENTRY_DN_MAX)
		say(&j, LDAP_CONSTRAINT_VIOLATION, "a name longer than %d bytes", ENTRY_DN_MAX);
	if (ndn == NULL)
		return;
	if (before != NULL)
		record_ref(before);
	if (r->kind == REQUEST_ADD)
		judge_add(&j, ndn, before);
	else if (before == NULL)
		say(&j, LDAP_NO_SUCH_OBJECT, "there is no such entry");
	else if (before->class == NULL)
		judge_other(&j, before);
	else if (r->kind == REQUEST_MODIFY)
		judge_modify(&j, before);
	else if (r->kind == REQUEST_DELETE)
		judge_delete(&j, before);
	else
		judge_rename(&j, before);
	record_unref(&before);
}

void judgement_undo(struct trial *t, const struct judgement *j)
{
	const struct judge_step *step;
	size_t i;

	for (i = j->n; i-- > 0;) {
		step = &j->steps[i];
		if (step->before != NULL)
			trial_put(t, &step->before->raw);
		else if (trial_record(t, step->ndn) != NULL)
			trial_delete_dn(t, step->ndn);
	}
}

void judgement_end(struct judgement *j)
{
	size_t i;

	for (i = 0; i < j->n; i++) {
		record_unref(&j->steps[i].before);
		record_unref(&j->steps[i].after);
	}
	j->n = 0;
}
