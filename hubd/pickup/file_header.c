/* file_header.c - see file_header.h: fields, and what becomes of each. */
#include "hubd/pickup/file_header.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "hubd/pickup/file_header_priv.h"

int file_rule(struct reading *r, const char *rule, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*r->rule = rule;
	return err_set(r->e, ERR_PERM, 0, "%s", text);
}

/* --- lines and fields --- */

/* The line at p without its end; *next behind it, NULL when it has no end. */
static size_t line_at(const char *p, size_t n, const char **next)
{
	const char *lf = memchr(p, '\n', n);

	*next = lf != NULL ? lf + 1 : NULL;
	if (lf == NULL)
		return n;
	return (size_t)(lf - p) - (lf > p && lf[-1] == '\r');
}

size_t file_header_find_end(const char *p, size_t n)
{
	const char *at = p, *next;

	while (at < p + n) {
		size_t length = line_at(at, n - (size_t)(at - p), &next);

		if (next == NULL)
			return 0;
		if (length == 0)
			return (size_t)(next - p);
		at = next;
	}
	return 0;
}

/* RFC 5322 section 2.2: printable ASCII but the colon. */
static size_t name_length(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] > ' ' && p[i] < 0x7f && p[i] != ':')
		i++;
	return i < n && p[i] == ':' ? i : 0;
}

static bool is_folded(const char *p, const char *end)
{
	return p < end && (*p == ' ' || *p == '\t');
}

/* A line with CRLF to what is stored; its text, unfolded, to the value. */
static void take_line(FILE *text, FILE *value, const char *p, size_t n, size_t skip)
{
	fwrite(p, 1, n, text);
	fputs("\r\n", text);
	fwrite(p + skip, 1, n - skip, value);
}

static char *trimmed(struct arena *a, const char *p, size_t n)
{
	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	while (n > 0 && (*p == ' ' || *p == '\t')) {
		p++;
		n--;
	}
	return arena_strndup(a, p, n);
}

/* The field at r->at; r->at goes behind it. */
static int read_field(struct reading *r, struct field *f)
{
	const char *end = r->p + r->n, *next;
	size_t length = line_at(r->at, (size_t)(end - r->at), &next);
	size_t name = name_length(r->at, length);
	char *text, *value;
	size_t text_size, value_size;
	FILE *to_text, *to_value;

	if (name == 0)
		return file_rule(r, "header-field", "\"%.40s\" is no header field",
			arena_strndup(r->arena, r->at, length));
	to_text = open_memstream(&text, &text_size);
	to_value = open_memstream(&value, &value_size);
	BUG_ON(to_text == NULL || to_value == NULL);
	f->name = arena_strndup(r->arena, r->at, name);
	take_line(to_text, to_value, r->at, length, name + 1);
	for (r->at = next; is_folded(r->at, end); r->at = next) {
		length = line_at(r->at, (size_t)(end - r->at), &next);
		take_line(to_text, to_value, r->at, length, 0);
	}
	BUG_ON(fclose(to_text) != 0 || fclose(to_value) != 0);
	f->text = arena_strndup(r->arena, text, text_size);
	f->value = trimmed(r->arena, value, value_size);
	free(text);
	free(value);
	return 0;
}

/* What no header has: it could hide something from whoever reads it after us. */
static int check_bytes(struct reading *r)
{
	const char *p, *end = r->p + r->n;

	if (memchr(r->p, '\0', r->n) != NULL)
		return file_rule(r, "control-byte", "NUL in the header");
	for (p = r->p; (p = memchr(p, '\r', (size_t)(end - p))) != NULL; p++)
		if (p + 1 == end || p[1] != '\n')
			return file_rule(r, "control-byte", "CR without LF in the header");
	return 0;
}

bool field_is(const struct field *f, const char *name)
{
	return strcasecmp(f->name, name) == 0;
}

/* --- recipients --- */

int file_add_recipient(struct reading *r, const struct envelope_recipient *to)
{
	struct file_header *h = r->out;
	struct envelope_recipient *grown;
	uint32_t max = r->limits->max_recipients != 0 ? r->limits->max_recipients :
		ENVELOPE_RECIPIENTS_MAX;

	if (h->recipient_count == max)
		return file_rule(r, "recipients", "more than %u recipients", max);
	if (h->recipient_count == r->room) {
		r->room = r->room == 0 ? 4 : r->room * 2;
		grown = arena_alloc(r->arena, r->room * sizeof(*grown));
		if (h->recipient_count != 0)
			memcpy(grown, h->recipients, h->recipient_count * sizeof(*grown));
		h->recipients = grown;
	}
	h->recipients[h->recipient_count++] = *to;
	return 0;
}

/* --- what is completed --- */

/* RFC 5322 section 3.3, with the obsolete zones; a comment may follow. */
static bool is_date(const char *value)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S", "%a, %d %b %Y %H:%M", "%d %b %Y %H:%M:%S",
		"%d %b %Y %H:%M",
	};
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { 0 };
		const char *rest = strptime(value, forms[i], &tm);

		if (rest == NULL || *rest != ' ')
			continue;
		rest += strspn(rest, " ");
		if ((*rest == '+' || *rest == '-') && strspn(rest + 1, "0123456789") == 4)
			return true;
		return *rest >= 'A' && *rest <= 'Z';
	}
	return false;
}

static void keep(struct reading *r, const struct field *f)
{
	fputs(f->text, r->head);
}

/* Of both kinds of directory. */
static void take_common(struct reading *r, const struct field *f)
{
	if (field_is(f, "Bcc"))
		return;
	if (field_is(f, "Date")) {
		if (r->has_date || !is_date(f->value))
			return;
		r->has_date = true;
	}
	if (field_is(f, "Message-ID")) {
		if (r->has_message_id || *f->value == '\0')
			return;
		r->has_message_id = true;
	}
	keep(r, f);
}

static void complete(struct reading *r, const struct file_header_defaults *d)
{
	if (!r->has_message_id)
		fprintf(r->head, "Message-ID: %s\r\n", d->message_id);
	if (!r->has_date)
		fprintf(r->head, "Date: %s\r\n", d->date);
	fputs("\r\n", r->head);
}

/* --- the whole --- */

static int read_fields(struct reading *r, enum pickup_kind kind)
{
	const char *end = r->p + r->n;
	struct field f;

	r->at = r->p;
	/* up to the empty line */
	while (r->at < end && *r->at != '\r' && *r->at != '\n') {
		if (read_field(r, &f) != 0)
			return -1;
		if (kind == PICKUP_KIND_REPLAY && !r->injected_over) {
			int taken = replay_take(r, &f);

			if (taken < 0)
				return -1;
			if (taken > 0)
				continue;
		}
		if (kind == PICKUP_KIND_PICKUP && pickup_take(r, &f) != 0)
			return -1;
		if (kind == PICKUP_KIND_REPLAY || pickup_keeps(&f))
			take_common(r, &f);
	}
	return kind == PICKUP_KIND_PICKUP ? pickup_end(r) : replay_end(r);
}

struct file_header *file_header_read(enum pickup_kind kind, const char *p, size_t n,
	const struct file_header_limits *limits, const struct file_header_defaults *defaults,
	struct arena *a, const char **rule, struct err *e)
{
	struct file_header *h = arena_alloc(a, sizeof(*h));
	struct reading r = { .p = p, .n = n, .arena = a, .limits = limits, .out = h, .rule = rule,
		.e = e };
	char *head;
	size_t head_size;
	int rc;

	*h = (struct file_header){ .size = n, .sender = "", .envid = "", .submitter = "",
		.created_by = "", .helo = "", .address = "" };
	r.head = open_memstream(&head, &head_size);
	BUG_ON(r.head == NULL);
	rc = check_bytes(&r) != 0 || read_fields(&r, kind) != 0 ? -1 : 0;
	complete(&r, defaults);
	BUG_ON(fclose(r.head) != 0);
	h->head = arena_strndup(a, head, head_size);
	h->head_size = head_size;
	free(head);
	return rc == 0 ? h : NULL;
}
