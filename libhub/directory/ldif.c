/* ldif.c - see ldif.h.
 *
 * libldap's LDIF code does the syntax of a line (base64 both ways, folding on output). Lines and
 * records are gathered here, because ldif_read_record knows no bounds, follows "include:" and
 * counts lines only per record; and values from URLs ("attr:< file:///...") are refused, not
 * fetched.
 */
#include "libhub/directory/ldif.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lber.h>
#include <ldif.h>

#include "libhub/directory/draft.h"

/* One value, folded lines joined; and one record, which may be a group of many thousand members. */
enum { LDIF_LINE_MAX = 4 * 1024 * 1024, LDIF_RECORD_MAX = 64 * 1024 * 1024 };

struct text {
	char *s;
	size_t n, room;
};

/* Files with secrets are read and written by buffers of our own, which are wiped. */
enum { BUFFER_SIZE = 65536 };

struct reader {
	const char *path;
	FILE *f;
	unsigned long line;		/* of the physical line read last */
	struct text physical;
	struct text logical;		/* continuation lines joined */
	unsigned long logical_line;	/* where it began; 0 = none pending */
	bool in_comment;
	bool any;			/* a record or the version line was seen */
	struct arena *arena;		/* of the present record; NULL between records */
	struct draft record;
	size_t record_size;
	void (*cb)(const struct entry *e, void *ctx);
	void *ctx;
	struct err *err;
};

static void text_wipe(struct text *t)
{
	if (t->s != NULL)
		explicit_bzero(t->s, t->room);
	free(t->s);
}

static void text_append(struct text *t, const char *s, size_t n)
{
	if (t->n + n + 1 > t->room) {
		struct text old = *t;

		t->room = (t->n + n + 1) * 2;
		t->s = xmalloc(t->room);
		if (old.n != 0)
			memcpy(t->s, old.s, old.n);
		text_wipe(&old);
	}
	memcpy(t->s + t->n, s, n);
	t->n += n;
	t->s[t->n] = '\0';
}

static int bad(struct reader *r, unsigned long line, const char *reason)
{
	return err_set(r->err, ERR_PERM, 0, "%s:%lu: %s", r->path, line, reason);
}

/* 1 = a line, without its end; 0 = end of file; -1 = failure */
static int read_physical(struct reader *r)
{
	struct text *t = &r->physical;
	char c;
	int in;

	t->n = 0;
	text_append(t, "", 0);
	r->line++;
	while ((in = getc_unlocked(r->f)) != EOF && in != '\n') {
		if (in == '\0')
			return bad(r, r->line, "NUL byte in the text");
		if (t->n == LDIF_LINE_MAX)
			return bad(r, r->line, "line too long");
		c = (char)in;
		text_append(t, &c, 1);
	}
	if (in == EOF && ferror(r->f))
		return err_set(r->err, ERR_TEMP, errno, "%s:%lu: cannot read", r->path, r->line);
	if (t->n > 0 && t->s[t->n - 1] == '\r')
		t->s[--t->n] = '\0';
	return in != EOF || t->n > 0;
}

static int begin_record(struct reader *r, const struct berval *value)
{
	if (memchr(value->bv_val, '\0', value->bv_len) != NULL)
		return bad(r, r->logical_line, "NUL byte in the DN");
	r->any = true;
	r->record_size = 0;
	r->arena = arena_new();
	draft_init(&r->record, r->arena);
	r->record.entry.dn = arena_strndup(r->arena, value->bv_val, value->bv_len);
	return 0;
}

static int take_attr(struct reader *r, const char *type, const struct berval *value)
{
	struct err e = { 0 };
	bool is_dn = strcasecmp(type, "dn") == 0;

	if (r->arena == NULL && !r->any && strcasecmp(type, "version") == 0) {
		r->any = true;
		return strcmp(value->bv_val, "1") == 0 ? 0 :
			bad(r, r->logical_line, "version is not 1");
	}
	if (r->arena == NULL)
		return is_dn ? begin_record(r, value) :
			bad(r, r->logical_line, "a record must begin with dn:");
	if (is_dn)
		return bad(r, r->logical_line, "dn: inside a record (blank line missing?)");
	if (strcasecmp(type, "changetype") == 0 || strcasecmp(type, "control") == 0)
		return bad(r, r->logical_line, "a change record; only content is read here");
	if (draft_add(&r->record, type, strlen(type), value->bv_val, value->bv_len, &e) != 0)
		return bad(r, r->logical_line, e.text);
	return 0;
}

static int parse_logical(struct reader *r)
{
	struct berval type, value = { 0, NULL };
	char *colon = strchr(r->logical.s, ':');
	int free_value = 0, rc;

	if (colon == NULL || colon == r->logical.s)
		return bad(r, r->logical_line, "not \"attribute: value\"");
	if (colon[1] == '<')
		return bad(r, r->logical_line, "a value from a URL is not read");
	r->record_size += r->logical.n;
	if (r->record_size > LDIF_RECORD_MAX)
		return bad(r, r->logical_line, "record too large");
	/* type and value point into the line, the value has memory of its own after base64 only */
	if (ldif_parse_line2(r->logical.s, &type, &value, &free_value) != 0)
		return bad(r, r->logical_line, "bad base64 or syntax");
	if (value.bv_val == NULL)
		value = (struct berval){ 0, (char[]){ "" } };
	rc = take_attr(r, type.bv_val, &value);
	if (free_value)
		ber_memfree(value.bv_val);
	return rc;
}

static int flush_logical(struct reader *r)
{
	int rc = r->logical_line != 0 ? parse_logical(r) : 0;

	r->logical_line = 0;
	return rc;
}

static void end_record(struct reader *r)
{
	if (r->arena == NULL)
		return;
	r->cb(draft_entry(&r->record), r->ctx);
	arena_free_wiped(&r->arena);
}

static int continue_line(struct reader *r)
{
	if (r->in_comment)
		return 0;
	if (r->logical_line == 0)
		return bad(r, r->line, "a continuation of nothing");
	if (r->logical.n + r->physical.n > LDIF_LINE_MAX)
		return bad(r, r->logical_line, "value too long");
	text_append(&r->logical, r->physical.s + 1, r->physical.n - 1);
	return 0;
}

static int take_physical(struct reader *r)
{
	if (r->physical.s[0] == ' ')
		return continue_line(r);
	if (flush_logical(r) != 0)
		return -1;
	r->in_comment = r->physical.s[0] == '#';
	if (r->physical.n == 0) {
		end_record(r);
	} else if (!r->in_comment) {
		r->logical.n = 0;
		text_append(&r->logical, r->physical.s, r->physical.n);
		r->logical_line = r->line;
	}
	return 0;
}

static int read_all(struct reader *r)
{
	int rc;

	while ((rc = read_physical(r)) == 1)
		if (take_physical(r) != 0)
			return -1;
	if (rc != 0 || flush_logical(r) != 0)
		return -1;
	end_record(r);
	return 0;
}

static int read_stream(struct reader *r)
{
	char *buffer = xmalloc(BUFFER_SIZE);
	int rc;

	setvbuf(r->f, buffer, _IOFBF, BUFFER_SIZE);
	rc = read_all(r);
	arena_free_wiped(&r->arena);
	text_wipe(&r->physical);
	text_wipe(&r->logical);
	fclose(r->f);
	explicit_bzero(buffer, BUFFER_SIZE);
	free(buffer);
	return rc;
}

int ldif_read(const char *path, void (*cb)(const struct entry *e, void *ctx), void *ctx,
	struct err *e)
{
	struct reader r = { .path = path, .cb = cb, .ctx = ctx, .err = e };

	r.f = fopen(path, "re");
	return r.f != NULL ? read_stream(&r) : err_set(e, ERR_TEMP, errno, "%s", path);
}

int ldif_read_text(const char *name, const char *text, size_t size,
	void (*cb)(const struct entry *e, void *ctx), void *ctx, struct err *e)
{
	struct reader r = { .path = name, .cb = cb, .ctx = ctx, .err = e };

	/* a stream of memory has to have some */
	if (size == 0)
		return 0;
	/* it is only read */
	r.f = fmemopen((char *)(uintptr_t)text, size, "r");
	BUG_ON(r.f == NULL);
	return read_stream(&r);
}

/* One value of a writer, encoded; the memory is used again for the next. */
struct line {
	char *s;
	size_t room;
};

struct ldif_writer {
	FILE *f;
	char *path, *temporary;
	char *buffer;		/* of f */
	struct line line;
};

struct ldif_writer *ldif_writer_open(const char *path, struct err *e)
{
	struct ldif_writer *w;
	char *temporary = xasprintf("%s.new", path);
	/* a left-over of a crash is overwritten, a symbolic link is not followed */
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || fchmod(fd, 0600) != 0) {
		err_set(e, ERR_TEMP, errno, "cannot write %s", temporary);
		if (fd >= 0)
			close(fd);
		free(temporary);
		return NULL;
	}
	w = xcalloc(1, sizeof(*w));
	w->f = fdopen(fd, "w");
	BUG_ON(w->f == NULL);
	w->buffer = xmalloc(BUFFER_SIZE);
	setvbuf(w->f, w->buffer, _IOFBF, BUFFER_SIZE);
	w->path = xstrdup(path);
	w->temporary = temporary;
	return w;
}

static void line_wipe(struct line *l)
{
	if (l->s != NULL)
		explicit_bzero(l->s, l->room);
	free(l->s);
}

static void put(FILE *f, struct line *l, int kind, const char *name, const void *value,
	size_t size)
{
	size_t need = LDIF_SIZE_NEEDED(strlen(name), size) + 1;
	char *end;

	if (need > l->room) {
		line_wipe(l);
		l->room = need * 2;
		l->s = xmalloc(l->room);
	}
	end = l->s;
	ldif_sput(&end, kind, name, value, size);
	fwrite(l->s, 1, (size_t)(end - l->s), f);
}

static void put_entry(FILE *f, struct line *l, const struct entry *e)
{
	char uuid[ENTRY_UUID_TEXT];
	size_t i, k;

	put(f, l, LDIF_PUT_VALUE, "dn", e->dn, strlen(e->dn));
	if (e->has_uuid) {
		entry_uuid_format(e->uuid, uuid);
		put(f, l, LDIF_PUT_VALUE, "entryUUID", uuid, strlen(uuid));
	}
	for (i = 0; i < e->n; i++)
		for (k = 0; k < e->attrs[i].n; k++)
			put(f, l, LDIF_PUT_VALUE, e->attrs[i].name, e->attrs[i].values[k].data,
				e->attrs[i].values[k].size);
}

void ldif_print(FILE *out, const struct entry *e)
{
	struct line l = { .s = NULL };

	put_entry(out, &l, e);
	line_wipe(&l);
}

void ldif_write_comment(struct ldif_writer *w, const char *comment)
{
	const char *p;

	fputs("# ", w->f);
	for (p = comment; *p != '\0'; p++)
		putc_unlocked(*p == '\n' || *p == '\r' ? ' ' : *p, w->f);
	putc_unlocked('\n', w->f);
}

void ldif_write(struct ldif_writer *w, const struct entry *e, const char *comment)
{
	if (comment != NULL)
		ldif_write_comment(w, comment);
	put_entry(w->f, &w->line, e);
	putc_unlocked('\n', w->f);
}

/* Makes the rename itself durable. */
static int sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent = slash == NULL ? xstrdup(".") : xstrndup(path, (size_t)(slash - path) + 1);
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	free(parent);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

static void writer_free(struct ldif_writer **wp)
{
	struct ldif_writer *w = *wp;

	if (w->f != NULL)
		fclose(w->f);
	explicit_bzero(w->buffer, BUFFER_SIZE);
	free(w->buffer);
	line_wipe(&w->line);
	free(w->path);
	free(w->temporary);
	free(w);
	*wp = NULL;
}

int ldif_writer_commit(struct ldif_writer **wp, struct err *e)
{
	struct ldif_writer *w = *wp;
	int rc = 0;

	if (fflush(w->f) != 0 || ferror(w->f) || fsync(fileno(w->f)) != 0 ||
	    rename(w->temporary, w->path) != 0 || sync_parent(w->path) != 0) {
		rc = err_set(e, ERR_TEMP, errno, "cannot write %s", w->path);
		unlink(w->temporary);
	}
	writer_free(wp);
	return rc;
}

void ldif_writer_abort(struct ldif_writer **wp)
{
	if (*wp == NULL)
		return;
	unlink((*wp)->temporary);
	writer_free(wp);
}
