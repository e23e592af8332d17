/* people.c - the part of a report that is read. See text.h.
 *
 * First what the sender needs: to whom, what happened, what the other side said, what to do; then
 * what administrators need. Recipients who share a fate are told of together. Beyond NAMES_MAX of
 * them, and GROUPS_MAX fates, the rest is counted: machine.c names all.
 */
#include <string.h>
#include <uthash.h>

#include "hubd/report/field.h"
#include "hubd/report/text.h"
#include "hubd/report/words.h"
#include "libhub/base/clock.h"
#include "libhub/smtp/encapsulation.h"

enum { NAMES_MAX = 50, GROUPS_MAX = 20 };

/* Lines that differ by their recipient only, also in what was said of him. */
struct group {
	UT_hash_handle hh;
	struct report_line *first, *last;
	size_t n;
	char key[];
};

static struct group *group_new(struct arena *a, const char *key, size_t n)
{
	struct group *g = arena_alloc(a, sizeof(*g) + n + 1);

	g->first = g->last = NULL;
	g->n = 0;
	memcpy(g->key, key, n + 1);
	return g;
}

/* Replies name the recipient, mostly. */
static const char *key_of(const struct report_line *l, struct arena *a)
{
	const char *named = strcasestr(l->words, l->address);
	size_t before = named != NULL ? (size_t)(named - l->words) : 0;

	return arena_printf(a, "%d\n%d\n%s\n%s\n%.*s\n%s", (int)l->kind, l->from_peer, l->status,
		l->remote, (int)before, l->words,
		named != NULL ? named + strlen(l->address) : l->words);
}

/* In the order of their first lines. */
static struct group *make_groups(const struct report_parts *p, struct arena *a)
{
	struct group *set = NULL, *g;
	const char *key;
	size_t i, n;

	for (i = 0; i < p->n; i++) {
		struct report_line *l = &p->lines[i];

		key = key_of(l, a);
		n = strlen(key);
		HASH_FIND(hh, set, key, n, g);
		if (g == NULL) {
			g = group_new(a, key, n);
			HASH_ADD_KEYPTR(hh, set, g->key, n, g);
		}
		l->next = NULL;
		if (g->last != NULL)
			g->last->next = l;
		else
			g->first = l;
		g->last = l;
		g->n++;
	}
	return set;
}

/* --- for the sender --- */

/* An address as he knows it: "FAX:+123", and how it is called in mail. */
static void put_address(FILE *f, const struct report_line *l)
{
	struct encapsulated e;

	if (encapsulation_read(l->address, &e) == ENCAPSULATION_WHOLE) {
		fprintf(f, "  %s:", e.type);
		field_put_clean(f, e.text, true);
		fputs("\r\n    (", f);
		field_put_clean(f, l->address, true);
		fputs(")", f);
	} else {
		fputs("  ", f);
		field_put_clean(f, l->address, true);
	}
	if (*l->via != '\0') {
		fputs("\r\n    (you wrote to ", f);
		field_put_clean(f, l->via, true);
		fputs(")", f);
	}
	fputs("\r\n", f);
}

static void put_addresses(FILE *f, const struct group *g)
{
	const struct report_line *l;
	size_t i = 0;

	for (l = g->first; l != NULL && i < NAMES_MAX; l = l->next, i++)
		put_address(f, l);
	if (l != NULL)
		fprintf(f, "  and %zu more, who are named in the attached details\r\n", g->n - i);
}

/* What was said, and by whom. */
static void put_answer(FILE *f, const struct report_line *l)
{
	if (*l->words == '\0')
		return;
	if (!l->from_peer) {
		fputs("In detail:\r\n\r\n", f);
	} else {
		fputs("The mail server ", f);
		field_put_clean(f, *l->remote != '\0' ? l->remote : "of the recipient", false);
		fputs(" answered:\r\n\r\n", f);
	}
	field_put_wrapped(f, 4, l->words, true);
	fputs("\r\n", f);
}

static void put_patience(FILE *f, const struct report_parts *p)
{
	char date[64], text[512];

	clock_rfc5322(p->q->expires_ms / 1000, date, sizeof(date));
	snprintf(text, sizeof(text), "You need not do anything, and need not send it again: it "
		"will be tried until %s. If it cannot be delivered by then, you will be told.",
		date);
	field_put_wrapped(f, 0, text, false);
	fputs("\r\n", f);
}

static void put_fate(FILE *f, const struct report_parts *p, const struct group *g)
{
	const struct report_line *l = g->first;
	const struct report_words *w = report_words_of(l->status);
	const struct report_kind_words *kind = &report_kinds[l->kind];

	fprintf(f, "%s\r\n\r\n", kind->opening);
	put_addresses(f, g);
	fputs("\r\n", f);
	if (*kind->closing != '\0') {
		field_put_wrapped(f, 0, kind->closing, false);
		fputs("\r\n", f);
		return;
	}
	field_put_wrapped(f, 0, w->what, false);
	fputs("\r\n", f);
	put_answer(f, l);
	if (l->kind == QUEUE_REPORT_DELAYED) {
		put_patience(f, p);
		return;
	}
	fputs("What you can do:\r\n", f);
	field_put_wrapped(f, 0, w->todo, false);
	fputs("\r\n", f);
}

static void put_subject(FILE *f, const struct report_parts *p)
{
	const struct envelope *env = p->q->env;
	char date[64];

	clock_rfc5322(env->received_ms / 1000, date, sizeof(date));
	fprintf(f, "It is about the message that reached us on %s", date);
	/* one with encoded words cannot be read here, but in the subject of the report */
	if (*env->subject != '\0' && strstr(env->subject, "=?") == NULL &&
		smtp_utf8_is_valid(env->subject, strlen(env->subject))) {
		fputs(",\r\nwith the subject:\r\n\r\n", f);
		field_put_wrapped(f, 4, env->subject, true);
	} else {
		fputs(".\r\n", f);
	}
	fputs("\r\n", f);
}

/* --- for administrators --- */

static void put_origin(FILE *f, const struct report_parts *p)
{
	const struct envelope *env = p->q->env;
	char date[64];

	clock_rfc5322(env->received_ms / 1000, date, sizeof(date));
	fprintf(f, "Reporting server: %s\r\nMessage: %s", p->reporting, p->id);
	if (*env->message_id != '\0') {
		fputs(", Message-ID ", f);
		field_put_clean(f, env->message_id, true);
	}
	fprintf(f, "\r\nReceived: %s", date);
	if (*env->peer_address != '\0' && (p->within || env->auth != ENVELOPE_AUTH_HUB)) {
		fputs(" from ", f);
		field_put_clean(f, env->peer_name, true);
		fprintf(f, " [%s]", env->peer_address);
	}
	fputs("\r\nSender: ", f);
	field_put_clean(f, p->to, true);
	fputs("\r\n", f);
}

static void put_details(FILE *f, const struct group *g)
{
	const struct report_line *l = g->first;

	fputs("\r\n", f);
	put_addresses(f, g);
	fprintf(f, "    %s, status %s%s", report_kinds[l->kind].action, l->status,
		*l->remote != '\0' ? ", by " : "");
	field_put_clean(f, l->remote, false);
	fputs("\r\n", f);
	if (*l->words != '\0')
		field_put_wrapped(f, 4, l->words, true);
}

/* The order in which fates are told: that of the kinds, which is by their weight. */
static void put_fates(FILE *f, const struct report_parts *p, const struct group *groups)
{
	const struct group *g;
	size_t groups_told = 0, left = 0;
	int kind;

	for (kind = 0; kind < QUEUE_REPORT_KINDS; kind++)
		for (g = groups; g != NULL; g = g->hh.next) {
			if ((int)g->first->kind != kind)
				continue;
			if (groups_told++ < GROUPS_MAX)
				put_fate(f, p, g);
			else
				left += g->n;
		}
	if (left != 0)
		fprintf(f, "It is about %zu more recipients, who are named in the attached "
			"details.\r\n\r\n", left);
}

static void put_all_details(FILE *f, const struct group *groups)
{
	const struct group *g = groups;
	size_t i;

	for (i = 0; g != NULL && i < GROUPS_MAX; i++, g = g->hh.next)
		put_details(f, g);
}

char *report_people_text(const struct report_parts *p, size_t *size)
{
	struct arena *a = arena_new();
	struct group *groups = make_groups(p, a);
	char *text;
	FILE *f = open_memstream(&text, size);

	BUG_ON(f == NULL);
	put_fates(f, p, groups);
	put_subject(f, p);
	fprintf(f, "This report was written by the mail system at %s.\r\n"
		"If you need help, write to %s and add all of it.\r\n\r\n"
		"-- Diagnostic information for administrators --\r\n\r\n", p->reporting, p->from);
	put_origin(f, p);
	put_all_details(f, groups);
	BUG_ON(fclose(f) != 0);
	HASH_CLEAR(hh, groups);
	arena_free(&a);
	return text;
}
