/* roster_pack.c - what is in a record of the roster, see roster.h.
 *
 * After the head: the RDN, addresses (local part, number of the domain), then what the flags say is
 * there: mail, mailRoutingAddress, numbers of mailHost and hubExpansionServer, and of a group the
 * members (number of the parent, RDN). Sizes and numbers in seven bits a byte, lowest first.
 */
#include <stdlib.h>
#include <string.h>

#include "libhub/org/dn.h"
#include "libhub/org/roster_impl.h"

enum {
	FLAG_UUID = 1 << 24,
	FLAG_GROUP = 1 << 25,
	FLAG_REFUSE = 1 << 26,
	FLAG_MAIL = 1 << 27,		/* not just the first address */
	FLAG_ROUTING = 1 << 28,
	FLAG_HOST = 1 << 29,
	FLAG_EXPANSION = 1 << 30,
	/* larger than any entry within the bounds: texts and members, each with its lengths */
	SIZE_MAX_BYTES = 512 * 1024 * 1024,
};

struct roster_pack {
	unsigned char *bytes;		/* a struct record */
	size_t size, room;
	bool failed;			/* no number for a text, or too large */
};

static const char no_text[] = "";

/* --- writing --- */

static void put_bytes(struct roster_pack *p, const void *data, size_t size)
{
	if (p->size + size > SIZE_MAX_BYTES) {
		p->failed = true;
		return;
	}
	while (p->size + size > p->room) {
		p->room = p->room != 0 ? p->room * 2 : 256;
		p->bytes = xrealloc(p->bytes, p->room);
	}
	if (size != 0)
		memcpy(p->bytes + p->size, data, size);
	p->size += size;
}

static void put_number(struct roster_pack *p, size_t n)
{
	unsigned char bytes[10];
	size_t size = 0;

	for (; n >= 0x80; n >>= 7)
		bytes[size++] = (unsigned char)(n | 0x80);
	bytes[size++] = (unsigned char)n;
	put_bytes(p, bytes, size);
}

static void put_text(struct roster_pack *p, const char *text, size_t size)
{
	put_number(p, size);
	put_bytes(p, text, size);
}

static uint32_t number_of(struct roster *r, struct roster_pack *p, const char *text, size_t size)
{
	uint32_t number = intern_get(r->texts, text, size);

	p->failed = p->failed || number == 0;
	return number;
}

static void put_address(struct roster *r, struct roster_pack *p, const char *address)
{
	const char *at = strrchr(address, '@');
	size_t local = (size_t)(at - address);

	put_text(p, address, local);
	put_number(p, number_of(r, p, at + 1, strlen(at + 1)));
}

const char *roster_split(const char *ndn, size_t *size)
{
	const char *parent = dn_parent(ndn);

	*size = *parent != '\0' ? (size_t)(parent - 1 - ndn) : strlen(ndn);
	return parent;
}

/* Members are mostly of one parent: it is looked up once for all in a row. */
static void put_members(struct roster *r, struct roster_pack *p, const struct roster_entry *e)
{
	const char *last = NULL, *parent;
	uint32_t number = 0;
	size_t i, size;

	put_number(p, e->member_count);
	for (i = 0; i < e->member_count && !p->failed; i++) {
		parent = roster_split(e->members[i], &size);
		if (last == NULL || strcmp(parent, last) != 0)
			number = number_of(r, p, parent, strlen(parent));
		else
			intern_ref(r->texts, number);
		last = parent;
		put_number(p, number);
		put_text(p, e->members[i], size);
	}
}

static uint32_t flags_of(const struct roster_entry *e)
{
	bool mail = e->address_count != 0 && *e->mail != '\0' &&
		strcmp(e->mail, e->addresses[0]) != 0;

	return (e->has_uuid ? FLAG_UUID : 0) | (e->group ? FLAG_GROUP : 0) |
		(e->refuse_outside_mail ? FLAG_REFUSE : 0) | (mail ? FLAG_MAIL : 0) |
		(*e->routing != '\0' ? FLAG_ROUTING : 0) | (*e->host != '\0' ? FLAG_HOST : 0) |
		(*e->expansion != '\0' ? (uint32_t)FLAG_EXPANSION : 0);
}

static void put_body(struct roster *r, struct roster_pack *p, const struct roster_entry *e,
	uint32_t flags)
{
	size_t size, i;

	roster_split(e->dn, &size);
	put_text(p, e->dn, size);
	put_number(p, e->address_count);
	for (i = 0; i < e->address_count && !p->failed; i++)
		put_address(r, p, e->addresses[i]);
	if (flags & FLAG_MAIL)
		put_text(p, e->mail, strlen(e->mail));
	if (flags & FLAG_ROUTING)
		put_text(p, e->routing, strlen(e->routing));
	if (flags & FLAG_HOST)
		put_number(p, number_of(r, p, e->host, strlen(e->host)));
	if (flags & FLAG_EXPANSION)
		put_number(p, number_of(r, p, e->expansion, strlen(e->expansion)));
	if (flags & FLAG_GROUP)
		put_members(r, p, e);
}

static void finish(struct roster_pack *p)
{
	static const unsigned char zeros[ROSTER_UNIT];
	struct record *record;
	size_t units;

	put_bytes(p, zeros, (ROSTER_UNIT - p->size % ROSTER_UNIT) % ROSTER_UNIT);
	units = p->size / ROSTER_UNIT;
	record = (struct record *)(void *)p->bytes;
	record->units = units <= ROSTER_SMALL_MAX ? (uint16_t)units : 0;
}

/*
 * A pack that failed half-way cannot tell which references it has: they stay, in a roster that is
 * full anyway.
 */
struct roster_pack *roster_pack(struct roster *r, const struct roster_entry *e)
{
	struct roster_pack *p = xcalloc(1, sizeof(*p));
	struct record head = { .units = 0 };
	const char *parent;
	size_t size;

	parent = roster_split(e->dn, &size);
	if (e->has_uuid)
		memcpy(head.uuid, e->uuid, sizeof(head.uuid));
	head.id_flags = flags_of(e);
	head.parent = number_of(r, p, parent, strlen(parent));
	put_bytes(p, &head, offsetof(struct record, body));
	put_body(r, p, e, head.id_flags);
	if (p->failed) {
		roster_pack_free(&p);
		return NULL;
	}
	finish(p);
	return p;
}

void roster_pack_free(struct roster_pack **pp)
{
	struct roster_pack *p = *pp;

	*pp = NULL;
	free(p->bytes);
	free(p);
}

void roster_drop_pack(struct roster *r, struct roster_pack **p)
{
	roster_unref_texts(r, roster_pack_record(*p));
	roster_pack_free(p);
}

const struct record *roster_pack_record(const struct roster_pack *p)
{
	return (const struct record *)(const void *)p->bytes;
}

uint32_t roster_pack_units(const struct roster_pack *p)
{
	return (uint32_t)(p->size / ROSTER_UNIT);
}

void roster_pack_name(struct roster_pack *p, uint32_t id)
{
	((struct record *)(void *)p->bytes)->id_flags |= id;
}

bool roster_pack_equals(const struct roster_pack *p, const struct record *record, uint32_t units)
{
	const struct record *mine = roster_pack_record(p);

	return roster_pack_units(p) == units && mine->parent == record->parent &&
		(mine->id_flags | ROSTER_ID_MASK) == (record->id_flags | ROSTER_ID_MASK) &&
		memcmp(mine->uuid, record->uuid, sizeof(mine->uuid)) == 0 &&
		memcmp(mine->body, record->body, p->size - offsetof(struct record, body)) == 0;
}

/* --- reading; what is read was written here --- */

static size_t take_number(const unsigned char **at)
{
	size_t n = 0;
	unsigned int shift = 0;

	for (; **at >= 0x80; shift += 7)
		n |= (size_t)(*(*at)++ & 0x7f) << shift;
	return n | (size_t)*(*at)++ << shift;
}

static const char *take_text(const unsigned char **at, size_t *size)
{
	const char *text;

	*size = take_number(at);
	text = (const char *)*at;
	*at += *size;
	return text;
}

void roster_next_address(const unsigned char **at, struct roster_part *out)
{
	out->head = take_text(at, &out->size);
	out->text = (uint32_t)take_number(at);
}

void roster_next_member(const unsigned char **at, struct roster_part *out)
{
	out->text = (uint32_t)take_number(at);
	out->head = take_text(at, &out->size);
}

void roster_look_at(const struct record *record, struct roster_view *v)
{
	const unsigned char *at = record->body;
	uint32_t flags = record->id_flags;
	struct roster_part part;
	size_t i;

	*v = (struct roster_view){
		.uuid = record->uuid, .has_uuid = flags & FLAG_UUID, .group = flags & FLAG_GROUP,
		.refuse_outside_mail = flags & FLAG_REFUSE, .parent = record->parent,
		.routing = no_text,
	};
	v->rdn = take_text(&at, &v->rdn_size);
	v->address_count = take_number(&at);
	v->addresses = at;
	/* nothing follows the addresses of nearly all: not worth going through them */
	if ((flags & (FLAG_MAIL | FLAG_ROUTING | FLAG_HOST | FLAG_EXPANSION | FLAG_GROUP)) == 0)
		return;
	for (i = 0; i < v->address_count; i++)
		roster_next_address(&at, &part);
	if (flags & FLAG_MAIL)
		v->mail = take_text(&at, &v->mail_size);
	if (flags & FLAG_ROUTING)
		v->routing = take_text(&at, &v->routing_size);
	if (flags & FLAG_HOST)
		v->host = (uint32_t)take_number(&at);
	if (flags & FLAG_EXPANSION)
		v->expansion = (uint32_t)take_number(&at);
	if (flags & FLAG_GROUP) {
		v->member_count = take_number(&at);
		v->members = at;
	}
}

void roster_unref_texts(struct roster *r, const struct record *record)
{
	struct roster_view v;
	struct roster_part part;
	size_t i;

	roster_look_at(record, &v);
	intern_unref(r->texts, v.parent);
	for (i = 0; i < v.address_count; i++) {
		roster_next_address(&v.addresses, &part);
		intern_unref(r->texts, part.text);
	}
	if (v.host != 0)
		intern_unref(r->texts, v.host);
	if (v.expansion != 0)
		intern_unref(r->texts, v.expansion);
	for (i = 0; i < v.member_count; i++) {
		roster_next_member(&v.members, &part);
		intern_unref(r->texts, part.text);
	}
}
