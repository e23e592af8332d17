/* envelope.c - see envelope.h.
 *
 * The blob is a version byte, the numbers and the texts in the order of the tables below, then the
 * recipients. Numbers are base-128 varints, a text is its length and its bytes without NUL. A field
 * is added at the end of its table together with a new version number.
 */
#include "hubd/spool/envelope.h"

#include <string.h>

#include "hubd/spool/firewall.h"

enum { VERSION_1 = 1, VERSION_2 = 2, VERSION = 3, VARINT_MAX = 10 };

/* A recipient costs at least its three empty texts and two numbers. */
enum { RECIPIENT_BLOB_MIN = 5 };

struct text_row {
	size_t offset;
	size_t max;
	bool cut;		/* shortened on encoding instead of refused */
	const char *name;
};

static const struct text_row envelope_texts[] = {
	{ offsetof(struct envelope, sender), ENVELOPE_TEXT_MAX, false, "sender" },
	{ offsetof(struct envelope, envid), ENVELOPE_TEXT_MAX, false, "envid" },
	{ offsetof(struct envelope, message_id), ENVELOPE_SUMMARY_MAX, true, "message-id" },
	{ offsetof(struct envelope, subject), ENVELOPE_SUMMARY_MAX, true, "subject" },
	{ offsetof(struct envelope, connector), ENVELOPE_TEXT_MAX, false, "connector" },
	{ offsetof(struct envelope, linked_connector), ENVELOPE_TEXT_MAX, false,
		"linked connector" },
	{ offsetof(struct envelope, peer_name), ENVELOPE_TEXT_MAX, true, "peer name" },
	{ offsetof(struct envelope, peer_address), ENVELOPE_TEXT_MAX, false, "peer address" },
	{ offsetof(struct envelope, identity), ENVELOPE_TEXT_MAX, false, "identity" },
	{ offsetof(struct envelope, excluded), ENVELOPE_TEXT_MAX, false, "excluded connectors" },
	{ offsetof(struct envelope, origin.source), ORIGIN_NAME_MAX, false, "source" },
	{ offsetof(struct envelope, origin.domain), ORIGIN_NAME_MAX, false, "partner's domain" },
	{ offsetof(struct envelope, origin.submitter), ENVELOPE_TEXT_MAX, false, "submitter" },
};

static const struct text_row recipient_texts[] = {
	{ offsetof(struct envelope_recipient, address), ENVELOPE_TEXT_MAX, false, "recipient" },
	{ offsetof(struct envelope_recipient, orcpt), ENVELOPE_TEXT_MAX, false, "orcpt" },
	{ offsetof(struct envelope_recipient, original), ENVELOPE_TEXT_MAX, false,
		"original recipient" },
};

enum { ENVELOPE_TEXTS = sizeof(envelope_texts) / sizeof(envelope_texts[0]) };
/* Version 1 had no excluded connectors, version 2 no origin. */
enum { ENVELOPE_TEXTS_2 = ENVELOPE_TEXTS - 3, ENVELOPE_TEXTS_1 = ENVELOPE_TEXTS_2 - 1 };
enum { RECIPIENT_TEXTS = sizeof(recipient_texts) / sizeof(recipient_texts[0]) };

static const char **text_at(void *base, const struct text_row *row)
{
	return (const char **)(void *)((char *)base + row->offset);
}

/* ---- encoding ---- */

struct writer {
	unsigned char *p;
};

static void put_number(struct writer *w, uint64_t n)
{
	while (n >= 0x80) {
		*w->p++ = (unsigned char)(n | 0x80);
		n >>= 7;
	}
	*w->p++ = (unsigned char)n;
}

/* The bytes of a text that are stored; -1 if it is too long and must not be cut. */
static int text_size(const struct text_row *row, const char *text, size_t *size, struct err *e)
{
	*size = text == NULL ? 0 : strnlen(text, row->max + 1);
	if (*size <= row->max)
		return 0;
	if (!row->cut)
		return err_set(e, ERR_PERM, 0, "envelope: %s is longer than %zu bytes", row->name,
			row->max);
	*size = row->max;
	/* never half a UTF-8 character */
	while (*size > 0 && ((unsigned char)text[*size] & 0xc0) == 0x80)
		(*size)--;
	return 0;
}

static int texts_measure(const void *base, const struct text_row *rows, int n, size_t *total,
	struct err *e)
{
	size_t size;
	int i;

	for (i = 0; i < n; i++) {
		if (text_size(&rows[i], *text_at((void *)(uintptr_t)base, &rows[i]), &size, e) != 0)
			return -1;
		*total += VARINT_MAX + size;
	}
	return 0;
}

static void texts_put(struct writer *w, const void *base, const struct text_row *rows, int n)
{
	const char *text;
	size_t size;
	int i;

	for (i = 0; i < n; i++) {
		text = *text_at((void *)(uintptr_t)base, &rows[i]);
		if (text_size(&rows[i], text, &size, NULL) != 0)
			size = 0;
		put_number(w, size);
		if (size != 0)
			memcpy(w->p, text, size);
		w->p += size;
	}
}

static int measure(const struct envelope *env, size_t *total, struct err *e)
{
	uint32_t i;

	*total = 1 + 10 * VARINT_MAX;
	if (env->recipient_count > ENVELOPE_RECIPIENTS_MAX)
		return err_set(e, ERR_PERM, 0, "envelope: more than %d recipients",
			ENVELOPE_RECIPIENTS_MAX);
	if (texts_measure(env, envelope_texts, ENVELOPE_TEXTS, total, e) != 0)
		return -1;
	for (i = 0; i < env->recipient_count; i++) {
		if (texts_measure(&env->recipients[i], recipient_texts, RECIPIENT_TEXTS, total,
			e) != 0)
			return -1;
		*total += 2 * VARINT_MAX;
	}
	return 0;
}

static void numbers_put(struct writer *w, const struct envelope *env)
{
	put_number(w, (uint64_t)env->ret | (uint64_t)env->body << 4 | (uint64_t)env->auth << 8
		| (uint64_t)env->smtputf8 << 16 | (uint64_t)env->require_tls << 17
		| (uint64_t)env->automatic << 18);
	put_number(w, (uint64_t)env->received_ms);
	put_number(w, (uint64_t)env->expires_base_ms);
	put_number(w, env->original_size);
	put_number(w, env->hops);
	put_number(w, (uint64_t)env->origin.as | (uint64_t)env->classes << 4
		| (uint64_t)env->origin.mechanism << 8);
	put_number(w, (uint64_t)env->origin.arrived_ms);
}

int envelope_encode(const struct envelope *env, struct arena *arena, const void **blob,
	size_t *size, struct err *e)
{
	struct writer w;
	unsigned char *start;
	size_t total;
	uint32_t i;

	if (measure(env, &total, e) != 0)
		return -1;
	start = arena_alloc(arena, total);
	w.p = start;
	*w.p++ = VERSION;
	numbers_put(&w, env);
	texts_put(&w, env, envelope_texts, ENVELOPE_TEXTS);
	put_number(&w, env->recipient_count);
	for (i = 0; i < env->recipient_count; i++) {
		texts_put(&w, &env->recipients[i], recipient_texts, RECIPIENT_TEXTS);
		put_number(&w, env->recipients[i].notify);
		put_number(&w, env->recipients[i].redirects);
	}
	*blob = start;
	*size = (size_t)(w.p - start);
	if (*size > ENVELOPE_BLOB_MAX)
		return err_set(e, ERR_PERM, 0, "envelope: larger than %d bytes", ENVELOPE_BLOB_MAX);
	return 0;
}

/* ---- decoding ---- */

struct reader {
	const unsigned char *p, *end;
	struct arena *arena;
	struct err *e;
	bool bad;		/* set with *e once; every later get gives 0 or "" */
};

static void fail(struct reader *r, const char *what)
{
	if (!r->bad)
		err_set(r->e, ERR_PERM, 0, "stored envelope: bad %s", what);
	r->bad = true;
	r->p = r->end;
}

static uint64_t get_number(struct reader *r, uint64_t max, const char *what)
{
	uint64_t n = 0, digit;
	unsigned int shift;

	for (shift = 0; shift < 64 && r->p < r->end; shift += 7) {
		digit = *r->p++;
		if (shift == 63 && digit > 1)
			break;
		n |= (digit & 0x7f) << shift;
		if ((digit & 0x80) == 0) {
			if (n <= max)
				return n;
			break;
		}
	}
	fail(r, what);
	return 0;
}

static void texts_get(struct reader *r, void *base, const struct text_row *rows, int n)
{
	size_t size;
	int i;

	for (i = 0; i < n; i++) {
		size = get_number(r, rows[i].max, rows[i].name);
		if (size > (size_t)(r->end - r->p) || memchr(r->p, '\0', size) != NULL) {
			fail(r, rows[i].name);
			size = 0;
		}
		*text_at(base, &rows[i]) = size == 0 ? "" :
			arena_strndup(r->arena, (const char *)r->p, size);
		r->p += size;
	}
}

static void numbers_get(struct reader *r, struct envelope *env)
{
	uint64_t flags = get_number(r, (1u << 20) - 1, "flags");

	env->ret = (enum envelope_ret)(flags & 0xf);
	env->body = (enum envelope_body)(flags >> 4 & 0xf);
	env->auth = (enum envelope_auth)(flags >> 8 & 0xff);
	env->smtputf8 = (flags >> 16 & 1) != 0;
	env->require_tls = (flags >> 17 & 1) != 0;
	env->automatic = (enum envelope_automatic)(flags >> 18 & 3);
	if (env->ret > ENVELOPE_RET_HDRS || env->body > ENVELOPE_BODY_BINARYMIME
		|| env->auth >= ENVELOPE_AUTH_KINDS || env->automatic >= ENVELOPE_AUTOMATIC_KINDS)
		fail(r, "flags");
	env->received_ms = (int64_t)get_number(r, INT64_MAX, "time");
	env->expires_base_ms = (int64_t)get_number(r, UINT64_MAX, "time");
	env->original_size = get_number(r, UINT64_MAX, "size");
	env->hops = (uint32_t)get_number(r, UINT32_MAX, "hop count");
}

static void origin_get(struct reader *r, struct envelope *env)
{
	uint64_t flags = get_number(r, (1u << 16) - 1, "origin");

	env->origin.as = (enum origin_as)(flags & 0xf);
	env->classes = (uint32_t)(flags >> 4 & 0xf);
	env->origin.mechanism = (uint8_t)(flags >> 8);
	if (env->origin.as >= ORIGIN_KINDS || env->classes > FIREWALL_ALL)
		fail(r, "origin");
	env->origin.arrived_ms = (int64_t)get_number(r, INT64_MAX, "time");
}

/*
 * What a server of before stored: fields of the organization and the forest were taken out of every
 * message, and the session is all that tells of its origin.
 */
static void origin_of_old(struct envelope *env)
{
	static const enum origin_as as[ENVELOPE_AUTH_KINDS] = {
		[ENVELOPE_AUTH_ANONYMOUS] = ORIGIN_ANONYMOUS,
		[ENVELOPE_AUTH_USER] = ORIGIN_INTERNAL,
		[ENVELOPE_AUTH_HUB] = ORIGIN_ANONYMOUS,
		[ENVELOPE_AUTH_PARTNER] = ORIGIN_PARTNER,
		[ENVELOPE_AUTH_EXTERNAL] = ORIGIN_EXTERNAL,
		[ENVELOPE_AUTH_LOCAL] = ORIGIN_INTERNAL,
	};

	env->origin = (struct origin){ .as = as[env->auth], .source = "", .domain = "",
		.submitter = "", .arrived_ms = env->received_ms };
	env->classes = FIREWALL_ROUTING;
}

static void recipients_get(struct reader *r, struct envelope *env)
{
	uint64_t max = (uint64_t)(r->end - r->p) / RECIPIENT_BLOB_MIN;
	uint32_t i;

	if (max > ENVELOPE_RECIPIENTS_MAX)
		max = ENVELOPE_RECIPIENTS_MAX;
	env->recipient_count = (uint32_t)get_number(r, max, "recipient count");
	env->recipients = arena_alloc(r->arena, env->recipient_count * sizeof(*env->recipients));
	for (i = 0; i < env->recipient_count && !r->bad; i++) {
		texts_get(r, &env->recipients[i], recipient_texts, RECIPIENT_TEXTS);
		env->recipients[i].notify = (uint32_t)get_number(r, 15, "notify");
		env->recipients[i].redirects = (uint32_t)get_number(r, UINT32_MAX, "redirects");
	}
}

struct envelope *envelope_decode(const void *blob, size_t size, struct arena *arena, struct err *e)
{
	static const int texts[] = { [VERSION_1] = ENVELOPE_TEXTS_1, [VERSION_2] = ENVELOPE_TEXTS_2,
		[VERSION] = ENVELOPE_TEXTS };
	struct reader r = { .p = blob, .arena = arena, .e = e };
	struct envelope *env = arena_alloc(arena, sizeof(*env));

	int version = size != 0 ? *r.p++ : 0;

	if (size > ENVELOPE_BLOB_MAX || version < VERSION_1 || version > VERSION) {
		err_set(e, ERR_PERM, 0, "stored envelope: bad version or size");
		return NULL;
	}
	r.end = (const unsigned char *)blob + size;
	numbers_get(&r, env);
	env->excluded = "";
	if (version >= VERSION)
		origin_get(&r, env);
	else if (!r.bad)
		origin_of_old(env);
	texts_get(&r, env, envelope_texts, texts[version]);
	recipients_get(&r, env);
	if (!r.bad && r.p != r.end)
		fail(&r, "end");
	return r.bad ? NULL : env;
}
