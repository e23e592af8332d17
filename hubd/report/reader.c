/* reader.c - see reader.h */
#include "hubd/report/reader.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>

#include "libhub/smtp/address.h"
#include "libhub/smtp/reply.h"

/* The original comes back whole up to so many bytes, else its header (RFC 3461 section 4.3). */
enum {
	WHOLE_MAX = 64 * 1024,			/* nothing was said about it */
	WISHED_MAX = 10 * 1024 * 1024,		/* RET=FULL */
};

enum { PART_MIN = 3 };		/* shorter parts of an address are found in any text */

static const struct accepted_domain *domain_of(const struct report_request *q, const char *address)
{
	const char *at = strrchr(address, '@');
	char domain[SMTP_DOMAIN_MAX + 1];
	size_t i;

	if (at == NULL || strlen(at + 1) > SMTP_DOMAIN_MAX)
		return NULL;
	for (i = 0; at[1 + i] != '\0'; i++)
		domain[i] = (char)tolower((unsigned char)at[1 + i]);
	domain[i] = '\0';
	return snapshot_accepted_domain(q->live->snapshot, domain);
}

bool reader_is_within(const struct report_request *q)
{
	const struct accepted_domain *d = domain_of(q, q->env->sender);

	/* the mailboxes of a domain that is only relayed to are somebody else's */
	return d != NULL && d->type != ACCEPTED_EXTERNAL_RELAY;
}

/* What ORCPT names, as plain text, of whatever type; "" without one. */
static const char *orcpt_text(const char *orcpt, struct arena *a)
{
	const char *semi = strchr(orcpt, ';');
	char text[ENVELOPE_TEXT_MAX];
	int n;

	if (semi == NULL)
		return "";
	if (strncasecmp(orcpt, "utf-8;", 6) == 0)
		n = smtp_utf8_address_decode(text, sizeof(text), semi + 1, strlen(semi + 1));
	else
		n = smtp_xtext_decode(text, sizeof(text), semi + 1, strlen(semi + 1));
	return n > 0 ? arena_strdup(a, text) : semi + 1;
}

/*
 * The address that the sender wrote, when it is not the one that mail was sent to; else "". Another
 * hub of ours may have rewritten it and passed on only what the sender gave as the original
 * recipient (RFC 3461 section 5.2.7): that he knows, be it an address or not.
 */
static const char *written(const struct report_request *q, const struct envelope_recipient *r,
	struct arena *a)
{
	const char *text = orcpt_text(r->orcpt, a);

	if (*text != '\0' && strcasecmp(text, r->address) != 0 &&
		(q->env->auth == ENVELOPE_AUTH_HUB || domain_of(q, text) != NULL))
		return text;
	return strcasecmp(r->original, r->address) != 0 ? r->original : "";
}

/* text with each hidden replaced by shown, in any case of letters. */
static const char *replace(const char *text, const char *hidden, const char *shown,
	struct arena *a)
{
	size_t n = strlen(hidden);
	const char *found;

	while ((found = strcasestr(text, hidden)) != NULL && strcasestr(shown, hidden) == NULL)
		text = arena_printf(a, "%.*s%s%s", (int)(found - text), text, shown, found + n);
	return text;
}

/* The codes that a reply begins with: "550 5.1.1". */
static const char *codes_of(const char *reply, struct arena *a)
{
	size_t n = strspn(reply, "0123456789"), more = 0;
	struct smtp_enhanced x;

	if (reply[n] == ' ')
		more = smtp_enhanced_parse(&x, reply + n + 1, strlen(reply + n + 1));
	return arena_strndup(a, reply, more != 0 ? n + 1 + more : n);
}

/* Does text have of what is hidden more than can be seen in what is shown? */
static bool betrays(const char *text, const char *hidden, const char *shown)
{
	return strlen(hidden) >= PART_MIN && strcasestr(shown, hidden) == NULL &&
		strcasestr(text, hidden) != NULL;
}

/* What a reply may tell to who does not know the address that it is about. */
static const char *redact(const char *reply, const char *hidden, const char *shown,
	struct arena *a)
{
	const char *out = replace(reply, hidden, shown, a);
	const char *local = arena_strndup(a, hidden, strcspn(hidden, "@"));
	const char *domain = hidden + strcspn(hidden, "@");

	if (*domain == '@')
		domain++;
	/* it may name the person or the place in another way */
	if (betrays(out, local, shown) || betrays(out, domain, shown))
		return codes_of(reply, a);
	return out;
}

/* RFC 3464 section 2.3.4: the class goes with the action. */
static const char *fitting_status(enum queue_report_kind kind, const char *status, struct arena *a)
{
	struct smtp_enhanced x;
	char class = kind == QUEUE_REPORT_FAILED ? '5' : kind == QUEUE_REPORT_DELAYED ? '4' : '2';
	size_t n = strlen(status);

	if (n == 0 || smtp_enhanced_parse(&x, status, n) != n)
		return arena_printf(a, "%c.0.0", class);
	if (status[0] == class || (kind == QUEUE_REPORT_FAILED && status[0] == '4'))
		return status;
	return arena_printf(a, "%c%s", class, status + 1);
}

static void make_line(const struct report_request *q, const struct queue_report_recipient *v,
	bool within, struct arena *a, struct report_line *l)
{
	const struct envelope_recipient *r = &q->env->recipients[v->i];
	const char *via = written(q, r, a);

	*l = (struct report_line){ .kind = v->kind, .address = r->address, .via = via,
		.orcpt = r->orcpt, .status = fitting_status(v->kind, v->status, a),
		.words = v->diagnostic, .from_peer = v->from_peer, .remote = v->remote };
	if (within)
		return;
	if (!v->from_peer)
		l->words = "";
	/* the hosts that an alias leads to tell where that is */
	if (!q->public_hop || *via != '\0')
		l->remote = "";
	l->via = "";
	if (*via != '\0') {
		l->address = via;
		l->words = redact(l->words, r->address, via, a);
	}
	if (*l->remote == '\0' && betrays(l->words, v->remote, l->address))
		l->words = codes_of(l->words, a);
}

/* A line that was told already, by what it tells. */
struct told {
	UT_hash_handle hh;
	char key[];
};

static bool is_told(struct told **set, const struct report_line *l, struct arena *a)
{
	const char *key = arena_printf(a, "%d\n%s\n%s\n%s", (int)l->kind, l->address, l->status,
		l->words);
	size_t n = strlen(key);
	struct told *t;

	HASH_FIND(hh, *set, key, n, t);
	if (t != NULL)
		return true;
	t = arena_alloc(a, sizeof(*t) + n + 1);
	memcpy(t->key, key, n + 1);
	HASH_ADD_KEYPTR(hh, *set, t->key, n, t);
	return false;
}

size_t reader_lines(const struct report_request *q, const uint32_t *due, size_t n,
	struct arena *a, struct report_line **out)
{
	struct report_line *v = arena_alloc(a, n * sizeof(*v));
	bool within = reader_is_within(q);
	struct told *told = NULL;
	size_t i, used = 0;

	for (i = 0; i < n; i++) {
		make_line(q, &q->v[due[i]], within, a, &v[used]);
		if (within || !is_told(&told, &v[used], a))
			used++;
	}
	HASH_CLEAR(hh, told);
	*out = v;
	return used;
}

/*
 * Not a binary original, which has no place in a text report, nor one that must travel by TLS: the
 * way back may have none (RFC 8689 section 5).
 */
bool reader_gets_whole(const struct report_request *q, const struct report_line *lines, size_t n)
{
	const struct envelope *env = q->env;
	bool failed = false;
	size_t i;

	for (i = 0; i < n; i++)
		failed = failed || lines[i].kind == QUEUE_REPORT_FAILED;
	if (!failed || env->body == ENVELOPE_BODY_BINARYMIME || env->require_tls ||
		env->ret == ENVELOPE_RET_HDRS)
		return false;
	return q->body_size <= (env->ret == ENVELOPE_RET_FULL ? WISHED_MAX : WHOLE_MAX);
}
