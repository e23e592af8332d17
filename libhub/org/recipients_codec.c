/* recipients_codec.c - see recipients_codec.h */
#include "libhub/org/recipients_codec.h"

#include <stdlib.h>
#include <string.h>

#include "libhub/base/crc32c.h"
#include "libhub/base/mem.h"
#include "libhub/org/recipients.h"

enum {
	HEAD = 9,			/* size, checksum, type */
	OP_PUT = 'P', OP_DELETE = 'D',
	FLAG_GROUP = 1, FLAG_REFUSE = 2, FLAG_MAIL = 4, FLAG_ROUTING = 8, FLAG_HOST = 16,
	FLAG_EXPANSION = 32,
	ADDRESS_MAX = 4 * RECIPIENT_TEXT_MAX,	/* folding can make it longer */
	ARENA_MAX = 256 * 1024,		/* before the next record gets another */
};

/* --- writing --- */

void codec_out_init(struct codec_out *out)
{
	memset(out, 0, sizeof(*out));
}

void codec_out_deinit(struct codec_out *out)
{
	free(out->data);
	memset(out, 0, sizeof(*out));
}

void codec_put_bytes(struct codec_out *out, const void *data, size_t size)
{
	if (out->size + size > out->room) {
		out->room = (out->size + size) * 3 / 2 + 256;
		out->data = xrealloc(out->data, out->room);
	}
	if (size != 0)
		memcpy(out->data + out->size, data, size);
	out->size += size;
}

static void put_byte(struct codec_out *out, unsigned char byte)
{
	codec_put_bytes(out, &byte, 1);
}

static void put_number(struct codec_out *out, size_t n)
{
	for (; n >= 0x80; n >>= 7)
		put_byte(out, (unsigned char)(n | 0x80));
	put_byte(out, (unsigned char)n);
}

static void put_text(struct codec_out *out, const char *text, size_t size)
{
	put_number(out, size);
	codec_put_bytes(out, text, size);
}

static void store_u32(unsigned char *at, uint32_t n)
{
	at[0] = (unsigned char)n;
	at[1] = (unsigned char)(n >> 8);
	at[2] = (unsigned char)(n >> 16);
	at[3] = (unsigned char)(n >> 24);
}

static uint32_t load_u32(const unsigned char *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void codec_begin(struct codec_out *out, char type)
{
	static const unsigned char head[HEAD - 1];

	out->begin = out->size;
	out->next = 1;
	memset(out->shared, 0, sizeof(out->shared));
	codec_put_bytes(out, head, sizeof(head));
	put_byte(out, (unsigned char)type);
}

void codec_end(struct codec_out *out)
{
	unsigned char *head = out->data + out->begin;
	size_t size = out->size - out->begin - HEAD;

	BUG_ON(size > UINT32_MAX);
	store_u32(head, (uint32_t)size);
	store_u32(head + 4, crc32c(0, head + 8, size + 1));
}

/*
 * 0 and the text, which gets the next number, or the number that it has. That the roster calls two
 * texts the same proves nothing: between two records of a chunk one may have gone, and its number
 * to another.
 */
static void put_shared(struct codec_out *out, const struct roster *r, uint32_t text)
{
	unsigned int slot = text % CODEC_SHARED;
	size_t at = out->shared[slot].at, size;
	const char *bytes = roster_text(r, text, &size);

	if (out->shared[slot].text == text && out->shared[slot].size == size &&
	    memcmp(out->data + at, bytes, size) == 0) {
		put_number(out, out->shared[slot].number);
		return;
	}
	put_number(out, 0);
	put_text(out, bytes, size);
	out->shared[slot].text = text;
	out->shared[slot].size = (uint32_t)size;
	out->shared[slot].at = out->size - size;
	out->shared[slot].number = out->next++;
}

static unsigned char flags_of(const struct roster_view *v)
{
	return (unsigned char)((v->group ? FLAG_GROUP : 0) |
		(v->refuse_outside_mail ? FLAG_REFUSE : 0) | (v->mail != NULL ? FLAG_MAIL : 0) |
		(v->routing_size != 0 ? FLAG_ROUTING : 0) | (v->host != 0 ? FLAG_HOST : 0) |
		(v->expansion != 0 ? FLAG_EXPANSION : 0));
}

static void put_lists(struct codec_out *out, const struct roster *r, const struct roster_view *v)
{
	const unsigned char *at = v->addresses;
	struct roster_part part;
	size_t i;

	put_number(out, v->address_count);
	for (i = 0; i < v->address_count; i++) {
		roster_next_address(&at, &part);
		put_text(out, part.head, part.size);
		put_shared(out, r, part.text);
	}
	put_number(out, v->member_count);
	for (i = 0, at = v->members; i < v->member_count; i++) {
		roster_next_member(&at, &part);
		put_text(out, part.head, part.size);
		put_shared(out, r, part.text);
	}
}

void codec_put_record(struct codec_out *out, const struct roster *r, uint32_t id)
{
	struct roster_view v;

	roster_look(r, id, &v);
	put_byte(out, OP_PUT);
	codec_put_bytes(out, v.uuid, 16);
	put_byte(out, flags_of(&v));
	put_text(out, v.rdn, v.rdn_size);
	put_shared(out, r, v.parent);
	put_lists(out, r, &v);
	if (v.mail != NULL)
		put_text(out, v.mail, v.mail_size);
	if (v.routing_size != 0)
		put_text(out, v.routing, v.routing_size);
	if (v.host != 0)
		put_shared(out, r, v.host);
	if (v.expansion != 0)
		put_shared(out, r, v.expansion);
}

void codec_put_delete(struct codec_out *out, const unsigned char uuid[16])
{
	put_byte(out, OP_DELETE);
	codec_put_bytes(out, uuid, 16);
}

/* --- reading --- */

bool codec_read(const unsigned char **at, const unsigned char *end, struct codec_chunk *chunk)
{
	const unsigned char *head = *at;
	size_t size;

	if (end - head < HEAD)
		return false;
	size = load_u32(head);
	if (size > (size_t)(end - head) - HEAD ||
	    crc32c(0, head + 8, size + 1) != load_u32(head + 4))
		return false;
	*chunk = (struct codec_chunk){ (char)head[8], head + HEAD, size };
	*at = head + HEAD + size;
	return true;
}

struct text {
	const char *bytes;
	size_t size;
};

struct reading {
	const unsigned char *at, *end;
	bool bad;
	struct text *shared;
	size_t shared_count, shared_room;
	struct arena *arena;
};

static size_t take_number(struct reading *in)
{
	size_t n = 0;
	unsigned int shift = 0;

	while (in->at < in->end && shift < 35) {
		unsigned char byte = *in->at++;

		n |= (size_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return n;
		shift += 7;
	}
	in->bad = true;
	return 0;
}

static const unsigned char *take_bytes(struct reading *in, size_t size)
{
	const unsigned char *at = in->at;

	if (size > (size_t)(in->end - in->at)) {
		in->bad = true;
		return NULL;
	}
	in->at += size;
	return at;
}

static struct text take_text(struct reading *in, size_t max)
{
	struct text text = { "", take_number(in) };
	const unsigned char *bytes = take_bytes(in, text.size);

	if (bytes == NULL || text.size > max || memchr(bytes, '\0', text.size) != NULL) {
		in->bad = true;
		return (struct text){ "", 0 };
	}
	text.bytes = (const char *)bytes;
	return text;
}

static struct text take_shared(struct reading *in, size_t max)
{
	size_t number = take_number(in);

	if (number != 0) {
		if (number <= in->shared_count && in->shared[number - 1].size <= max)
			return in->shared[number - 1];
		in->bad = true;
		return (struct text){ "", 0 };
	}
	if (in->shared_count == in->shared_room) {
		/* each takes two bytes of the chunk at least */
		in->shared_room = in->shared_room * 2 + 64;
		in->shared = xreallocarray(in->shared, in->shared_room, sizeof(*in->shared));
	}
	in->shared[in->shared_count] = take_text(in, max);
	return in->shared[in->shared_count++];
}

static const char *joined(struct reading *in, struct text a, char separator, struct text b)
{
	char *text = arena_alloc(in->arena, a.size + b.size + 2), *at = text;

	memcpy(at, a.bytes, a.size);
	at += a.size;
	if (separator != '\0')
		*at++ = separator;
	memcpy(at, b.bytes, b.size);
	return text;
}

/* "RDN,PARENT" */
static const char *take_dn(struct reading *in)
{
	struct text rdn = take_text(in, ROSTER_DN_MAX);
	struct text parent = take_shared(in, ROSTER_DN_MAX - rdn.size);

	return joined(in, rdn, parent.size != 0 ? ',' : '\0', parent);
}

static const char *take_address(struct reading *in)
{
	struct text local = take_text(in, ADDRESS_MAX);

	return joined(in, local, '@', take_shared(in, ADDRESS_MAX - local.size));
}

/* Texts, at least two bytes each in the chunk: what it says of their number is checked by that. */
static const char *const *take_list(struct reading *in, size_t max, size_t *n,
	const char *(*take)(struct reading *in))
{
	const char **list;
	size_t i;

	*n = take_number(in);
	if (*n > max || *n > (size_t)(in->end - in->at) / 2) {
		in->bad = true;
		*n = 0;
	}
	list = arena_alloc(in->arena, *n * sizeof(*list));
	for (i = 0; i < *n && !in->bad; i++)
		list[i] = take(in);
	return list;
}

static const char *copy_of(struct reading *in, struct text text)
{
	return arena_strndup(in->arena, text.bytes, text.size);
}

static void take_put(struct reading *in, const struct codec_reader *reader)
{
	struct roster_entry e = {
		.has_uuid = true, .mail = "", .routing = "", .host = "", .expansion = "",
	};
	const unsigned char *head = take_bytes(in, sizeof(e.uuid) + 1);
	unsigned char flags;

	if (head == NULL)
		return;
	memcpy(e.uuid, head, sizeof(e.uuid));
	flags = head[sizeof(e.uuid)];
	e.group = flags & FLAG_GROUP;
	e.refuse_outside_mail = flags & FLAG_REFUSE;
	e.dn = take_dn(in);
	e.addresses = take_list(in, ROSTER_ADDRESSES_MAX, &e.address_count, take_address);
	e.members = take_list(in, ROSTER_MEMBERS_MAX, &e.member_count, take_dn);
	if (flags & FLAG_MAIL)
		e.mail = copy_of(in, take_text(in, RECIPIENT_TEXT_MAX));
	if (flags & FLAG_ROUTING)
		e.routing = copy_of(in, take_text(in, RECIPIENT_TEXT_MAX));
	if (flags & FLAG_HOST)
		e.host = copy_of(in, take_shared(in, RECIPIENT_TEXT_MAX));
	if (flags & FLAG_EXPANSION)
		e.expansion = copy_of(in, take_shared(in, ROSTER_DN_MAX));
	if (!in->bad)
		reader->put(&e, reader->ctx);
}

static void take_change(struct reading *in, const struct codec_reader *reader)
{
	unsigned char op = *in->at++;
	const unsigned char *uuid;

	if (op == OP_PUT) {
		take_put(in, reader);
	} else if (op == OP_DELETE) {
		uuid = take_bytes(in, 16);
		if (uuid != NULL)
			reader->deleted(uuid, reader->ctx);
	} else {
		in->bad = true;
	}
}

int codec_read_changes(const struct codec_chunk *chunk, const struct codec_reader *reader)
{
	struct reading in = { .at = chunk->data, .end = chunk->data + chunk->size };

	while (in.at < in.end && !in.bad) {
		if (in.arena == NULL)
			in.arena = arena_new();
		take_change(&in, reader);
		if (arena_size(in.arena) > ARENA_MAX)
			arena_free(&in.arena);
	}
	arena_free(&in.arena);
	free(in.shared);
	return in.bad ? -1 : 0;
}
