/* conversion.c - see conversion.h. Input is cut into pieces: lines, or 998 bytes of a longer one;
 * each goes to the state at hand. The two passes take the same way; only pass one judges, only pass
 * two writes.
 */
#include "libhub/smtp/conversion.h"

#include <string.h>
#include <strings.h>

#include "libhub/base/err.h"
#include "libhub/smtp/header.h"

enum {
	IN_HEADER,
	IN_LEAF,	/* the body of a part that is no multipart */
	IN_IGNORED,	/* before the first or behind the last boundary */
};

enum {
	PLAN_COPY,
	PLAN_LABEL,	/* its body is copied, its Content-Transfer-Encoding is not */
	PLAN_QUOTED_PRINTABLE,
	PLAN_BASE64,
};

/* Text of a few words stays readable, though base64 might be shorter. */
enum { SHORT_TEXT = 100 };

enum {
	FIELD_OTHER,
	FIELD_TYPE,
	FIELD_ENCODING,
};

struct piece {
	const char *p;
	size_t n;
	bool start;	/* a line begins with it */
	bool crlf;	/* the line ends with it */
	bool last;	/* so does the message, without a line end */
};

/* What a piece has that not every way takes. */
struct octets {
	bool eight, bare;
	uint64_t escapes;
};

/* --- output --- */

static bool is_writing(const struct smtp_conversion *x)
{
	return x->emit != NULL;
}

static void put(struct smtp_conversion *x, const char *p, size_t n)
{
	if (is_writing(x) && n > 0)
		x->emit(x->ctx, p, n);
}

static void put_text(struct smtp_conversion *x, const char *text)
{
	put(x, text, strlen(text));
}

static void put_held_eol(struct smtp_conversion *x)
{
	if (x->eol_held)
		put(x, "\r\n", 2);
	x->eol_held = false;
}

/* --- what is planned for a part --- */

static int plan_of(const struct smtp_conversion *x)
{
	return x->entity.number < SMTP_CONVERSION_PARTS ? x->plan[x->entity.number] : PLAN_COPY;
}

static bool is_encoded(const struct smtp_conversion *x)
{
	int plan = plan_of(x);

	return plan == PLAN_QUOTED_PRINTABLE || plan == PLAN_BASE64;
}

/* Only in the first pass. */
static void plan_set(struct smtp_conversion *x, int plan)
{
	if (x->entity.number < SMTP_CONVERSION_PARTS)
		x->plan[x->entity.number] = (uint8_t)plan;
}

static void entity_begin(struct smtp_conversion *x, bool is_message)
{
	const struct smtp_conversion_level *level =
		x->depth > 0 ? &x->levels[x->depth - 1] : NULL;

	x->entity = (struct smtp_conversion_entity){
		.is_message = is_message,
		.number = x->parts++,
		.is_signed = level != NULL && level->is_signed,
		.type = { .kind = !is_message && level != NULL && level->digest ?
			SMTP_MIME_MESSAGE : SMTP_MIME_TEXT },
	};
	x->state = IN_HEADER;
	x->field_open = false;
	x->eol_held = false;
}

static void choose_encoding(struct smtp_conversion *x)
{
	const struct smtp_conversion_entity *e = &x->entity;
	bool can = e->type.kind == SMTP_MIME_TEXT || e->type.kind == SMTP_MIME_DATA;

	x->needed = true;
	if (e->is_signed)
		x->faults |= SMTP_CONVERSION_SIGNED;
	else if (!can || e->encoding == SMTP_MIME_ENCODED || e->number >= SMTP_CONVERSION_PARTS)
		x->faults |= SMTP_CONVERSION_OPAQUE;
	/* RFC 2045 section 6.7: line ends of quoted-printable are those of text */
	else if ((e->type.kind == SMTP_MIME_DATA && e->bare) ||
		e->escapes * 6 > e->bytes + SHORT_TEXT)
		plan_set(x, PLAN_BASE64);
	else
		plan_set(x, PLAN_QUOTED_PRINTABLE);
}

/* --- octets --- */

static struct octets look(const char *p, size_t n)
{
	struct octets o = { 0 };
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		o.eight = o.eight || c >= 0x80;
		o.bare = o.bare || c == '\0' || c == '\r' || c == '\n';
		o.escapes += smtp_qp_escapes(c);
	}
	return o;
}

static bool fits(const struct smtp_conversion *x, const struct piece *pc, const struct octets *o)
{
	return !o->bare && pc->start && (pc->crlf || pc->last) &&
		(!o->eight || x->target == SMTP_CONVERSION_TO_8BIT);
}

/* --- bodies --- */

static void leaf_piece(struct smtp_conversion *x, const struct piece *pc)
{
	struct smtp_conversion_entity *e = &x->entity;
	struct octets o;

	if (is_writing(x) && is_encoded(x)) {
		if (x->eol_held)
			smtp_transfer_encode_eol(&x->encoder);
		smtp_transfer_encode(&x->encoder, pc->p, pc->n);
	} else if (is_writing(x)) {
		put_held_eol(x);
		put(x, pc->p, pc->n);
	} else {
		o = look(pc->p, pc->n);
		x->has_8bit = x->has_8bit || o.eight;
		e->bare = e->bare || o.bare;
		e->misfit = e->misfit || !fits(x, pc, &o);
		e->bytes += pc->n;
		e->escapes += o.escapes;
	}
	x->eol_held = pc->crlf;
}

/* The body is over, by a boundary or with the message, when its last line end is its own. */
static void leaf_end(struct smtp_conversion *x, bool with_message)
{
	if (!is_writing(x)) {
		if (x->entity.misfit)
			choose_encoding(x);
		return;
	}
	if (!is_encoded(x))
		return;
	if (with_message && x->eol_held)
		smtp_transfer_encode_eol(&x->encoder);
	smtp_transfer_encode_end(&x->encoder);
	/* a soft line break, where quoted-printable ends within a line */
	if (with_message && !x->encoder.base64 && x->encoder.column > 0)
		put_text(x, "=");
	if (with_message)
		x->eol_held = x->encoder.base64 || x->encoder.column > 0;
}

static void ignored_piece(struct smtp_conversion *x, const struct piece *pc)
{
	struct smtp_conversion_level *level = x->depth > 0 ? &x->levels[x->depth - 1] : NULL;
	struct octets o = look(pc->p, pc->n);

	x->has_8bit = x->has_8bit || o.eight;
	if (fits(x, pc, &o)) {
		put_held_eol(x);
		put(x, pc->p, pc->n);
		x->eol_held = pc->crlf;
		return;
	}
	x->needed = true;
	if (x->entity.is_signed)
		x->faults |= SMTP_CONVERSION_SIGNED;
	if (level != NULL && !level->begun)
		level->misfit = true;
}

/* --- multiparts --- */

static void level_open(struct smtp_conversion *x)
{
	const struct smtp_mime_type *t = &x->entity.type;
	struct smtp_conversion_level *level = &x->levels[x->depth++];

	*level = (struct smtp_conversion_level){ .length = t->boundary_length,
		.digest = t->digest, .is_signed = t->is_signed || x->entity.is_signed };
	memcpy(level->boundary, t->boundary, t->boundary_length);
	x->state = IN_IGNORED;
	x->eol_held = false;
}

static void level_close(struct smtp_conversion *x)
{
	const struct smtp_conversion_level *level = &x->levels[--x->depth];

	/* without any boundary, what came "before the first" is all there is */
	if (level->misfit && !level->begun)
		x->faults |= SMTP_CONVERSION_OPAQUE;
}

/* The multipart whose boundary the line is, counted from 1; 0: it is none. */
static size_t find_boundary(const struct smtp_conversion *x, const struct piece *pc, bool *close)
{
	size_t n = pc->n, i;

	if (!pc->start || !(pc->crlf || pc->last) || n < 2 || memcmp(pc->p, "--", 2) != 0)
		return 0;
	while (n > 2 && (pc->p[n - 1] == ' ' || pc->p[n - 1] == '\t'))
		n--;
	for (i = x->depth; i > 0; i--) {
		const struct smtp_conversion_level *level = &x->levels[i - 1];
		size_t rest = n - 2 - level->length;

		if (n < 2 + level->length || rest == 1 || rest > 2 ||
			memcmp(pc->p + 2, level->boundary, level->length) != 0)
			continue;
		*close = rest == 2;
		if (rest == 0 || memcmp(pc->p + n - 2, "--", 2) == 0)
			return i;
	}
	return 0;
}

static void field_end(struct smtp_conversion *x);

static void at_boundary(struct smtp_conversion *x, const struct piece *pc, size_t depth, bool close)
{
	if (x->state == IN_HEADER)
		field_end(x);
	else if (x->state == IN_LEAF)
		leaf_end(x, false);
	while (x->depth > depth)
		level_close(x);
	x->levels[depth - 1].begun = true;
	put_held_eol(x);
	put(x, pc->p, pc->n);
	x->eol_held = pc->crlf;
	if (close) {
		level_close(x);
		x->state = IN_IGNORED;
		x->entity.is_signed = x->depth > 0 && x->levels[x->depth - 1].is_signed;
	} else {
		put_held_eol(x);
		entity_begin(x, false);
	}
}

/* --- headers --- */

static void field_end(struct smtp_conversion *x)
{
	struct smtp_conversion_entity *e = &x->entity;

	if (x->field_open && x->field == FIELD_TYPE) {
		smtp_mime_type_parse(&e->type, x->value, x->value_length);
		/* the rest might name another boundary */
		if (x->value_length == sizeof(x->value))
			e->type.kind = SMTP_MIME_OPAQUE;
		e->has_type = true;
	} else if (x->field_open && x->field == FIELD_ENCODING) {
		e->encoding = smtp_mime_encoding_parse(x->value, x->value_length);
		e->has_encoding = true;
	}
	x->field_open = false;
}

static bool is_name(const struct piece *pc, size_t n, const char *name)
{
	return strlen(name) == n && strncasecmp(pc->p, name, n) == 0;
}

static void field_begin(struct smtp_conversion *x, const struct piece *pc, size_t n)
{
	struct smtp_conversion_entity *e = &x->entity;
	bool is_encoding = is_name(pc, n, "Content-Transfer-Encoding");

	x->field_open = true;
	x->value_length = 0;
	x->field = FIELD_OTHER;
	/* of several the first counts */
	if (is_encoding && !e->has_encoding)
		x->field = FIELD_ENCODING;
	else if (is_name(pc, n, "Content-Type") && !e->has_type)
		x->field = FIELD_TYPE;
	else if (is_name(pc, n, "MIME-Version"))
		e->has_version = true;
	x->field_dropped = is_encoding && plan_of(x) != PLAN_COPY;
}

static void value_add(struct smtp_conversion *x, const char *p, size_t n)
{
	size_t room = sizeof(x->value) - x->value_length;

	if (x->field == FIELD_OTHER)
		return;
	if (n > room)
		n = room;
	memcpy(x->value + x->value_length, p, n);
	x->value_length += n;
}

/* The rest of a line that is too long is folded, at any place, as long as nobody has signed it. */
static void put_folded(struct smtp_conversion *x, const char *p, size_t n)
{
	size_t part;

	for (; n > 0; p += part, n -= part) {
		part = n < SMTP_CONVERSION_LINE ? n : SMTP_CONVERSION_LINE - 1;
		put_text(x, "\r\n ");
		put(x, p, part);
	}
}

static void put_field_piece(struct smtp_conversion *x, const struct piece *pc)
{
	if (x->field_dropped)
		return;
	if (pc->start || x->entity.is_signed)
		put(x, pc->p, pc->n);
	else
		put_folded(x, pc->p, pc->n);
	if (pc->crlf)
		put(x, "\r\n", 2);
}

static void judge_field_piece(struct smtp_conversion *x, const struct piece *pc)
{
	struct octets o = look(pc->p, pc->n);

	x->has_8bit = x->has_8bit || o.eight;
	x->has_8bit_header = x->has_8bit_header || o.eight;
	if (o.bare || (o.eight && x->target == SMTP_CONVERSION_TO_7BIT))
		x->faults |= SMTP_CONVERSION_HEADER;
}

static void put_labels(struct smtp_conversion *x)
{
	static const char *const of_plan[] = { NULL, NULL, "quoted-printable", "base64" };
	const struct smtp_conversion_entity *e = &x->entity;
	const char *encoding = of_plan[plan_of(x)];

	if (e->is_message && !e->has_version)
		put_text(x, "MIME-Version: 1.0\r\n");
	if (e->is_message && !e->has_version && !e->has_type && !e->has_encoding)
		put_text(x, "Content-Type: text/plain; charset=unknown-8bit\r\n");
	if (encoding == NULL)
		encoding = x->target == SMTP_CONVERSION_TO_7BIT ? "7bit" : "8bit";
	put_text(x, "Content-Transfer-Encoding: ");
	put_text(x, encoding);
	put_text(x, "\r\n");
}

static bool label_misfits(const struct smtp_conversion *x)
{
	return x->entity.encoding == SMTP_MIME_BINARY || (x->entity.encoding == SMTP_MIME_8BIT &&
		x->target == SMTP_CONVERSION_TO_7BIT);
}

/* blank: by an empty line; else what follows is no field, and belongs to the body. */
static void header_end(struct smtp_conversion *x, bool blank)
{
	struct smtp_conversion_entity *e = &x->entity;
	bool container;

	field_end(x);
	container = e->type.kind == SMTP_MIME_MULTIPART || e->type.kind == SMTP_MIME_MESSAGE;
	/* RFC 2045 section 6.4 forbids to encode these; who does it means something of its own */
	if (container && (e->encoding == SMTP_MIME_ENCODED || x->depth == SMTP_CONVERSION_DEPTH))
		e->type.kind = SMTP_MIME_OPAQUE;
	if (!is_writing(x) && label_misfits(x) && !e->is_signed)
		plan_set(x, PLAN_LABEL);
	if (is_writing(x) && plan_of(x) != PLAN_COPY)
		put_labels(x);
	if (blank || plan_of(x) != PLAN_COPY)
		put_text(x, "\r\n");
	if (e->type.kind == SMTP_MIME_MULTIPART) {
		level_open(x);
	} else if (e->type.kind == SMTP_MIME_MESSAGE) {
		entity_begin(x, true);
	} else {
		x->state = IN_LEAF;
		if (is_encoded(x))
			smtp_transfer_encoder_init(&x->encoder, plan_of(x) == PLAN_BASE64,
				x->emit, x->ctx);
	}
}

static void body_piece(struct smtp_conversion *x, const struct piece *pc)
{
	if (x->state == IN_LEAF)
		leaf_piece(x, pc);
	else
		ignored_piece(x, pc);
}

static void header_piece(struct smtp_conversion *x, const struct piece *pc)
{
	size_t name = 0, colon = 0;
	bool goes_on = !pc->start ||
		(pc->n > 0 && x->field_open && (*pc->p == ' ' || *pc->p == '\t'));

	if (!goes_on && pc->n == 0) {
		header_end(x, true);
		return;
	}
	if (!goes_on) {
		field_end(x);
		name = smtp_header_name(pc->p, pc->n, &colon);
		if (name == 0) {
			header_end(x, false);
			/* a message in a message: its header may not begin with a field either */
			if (x->state == IN_HEADER)
				header_piece(x, pc);
			else
				body_piece(x, pc);
			return;
		}
		field_begin(x, pc, name);
		colon++;
	}
	value_add(x, pc->p + colon, pc->n - colon);
	if (is_writing(x))
		put_field_piece(x, pc);
	else
		judge_field_piece(x, pc);
}

/* --- pieces --- */

static void take_piece(struct smtp_conversion *x, size_t n, bool crlf, bool last)
{
	struct piece pc = { x->line, n, !x->line_begun, crlf, last };
	bool close = false;
	size_t depth = find_boundary(x, &pc, &close);

	x->line_begun = !crlf;
	if (depth > 0)
		at_boundary(x, &pc, depth, close);
	else if (x->state == IN_HEADER)
		header_piece(x, &pc);
	else
		body_piece(x, &pc);
}

static void begin(struct smtp_conversion *x)
{
	x->depth = x->parts = x->held = 0;
	x->line_begun = false;
	entity_begin(x, true);
}

void smtp_conversion_init(struct smtp_conversion *x, enum smtp_conversion_target target)
{
	memset(x, 0, sizeof(*x));
	x->target = target;
	begin(x);
}

void smtp_conversion_rewind(struct smtp_conversion *x, smtp_span_cb emit, void *ctx)
{
	BUG_ON(x->faults != 0);
	x->emit = emit;
	x->ctx = ctx;
	begin(x);
}

void smtp_conversion_feed(struct smtp_conversion *x, const char *p, size_t n)
{
	const char *lf;
	size_t part;

	for (; n > 0; p += part, n -= part) {
		part = n < sizeof(x->line) - x->held ? n : sizeof(x->line) - x->held;
		lf = memchr(p, '\n', part);
		if (lf != NULL)
			part = (size_t)(lf + 1 - p);
		memcpy(x->line + x->held, p, part);
		x->held += part;
		if (lf != NULL && x->held >= 2 && x->line[x->held - 2] == '\r') {
			take_piece(x, x->held - 2, true, false);
			x->held = 0;
		} else if (x->held == sizeof(x->line)) {
			take_piece(x, SMTP_CONVERSION_LINE, false, false);
			memmove(x->line, x->line + SMTP_CONVERSION_LINE, 2);
			x->held = 2;
		}
	}
}

void smtp_conversion_end(struct smtp_conversion *x)
{
	if (x->held > SMTP_CONVERSION_LINE) {
		take_piece(x, SMTP_CONVERSION_LINE, false, false);
		x->held -= SMTP_CONVERSION_LINE;
		memmove(x->line, x->line + SMTP_CONVERSION_LINE, x->held);
	}
	if (x->held > 0)
		take_piece(x, x->held, false, true);
	if (x->state == IN_HEADER)
		field_end(x);
	else if (x->state == IN_LEAF)
		leaf_end(x, true);
	put_held_eol(x);
	while (x->depth > 0)
		level_close(x);
}

const char *smtp_conversion_fault_text(uint32_t faults)
{
	if ((faults & SMTP_CONVERSION_HEADER) != 0)
		return "has 8-bit text in a header";
	if ((faults & SMTP_CONVERSION_SIGNED) != 0)
		return "is signed as it is";
	return "has a part that cannot be encoded";
}
