/* fuzz_replica.c - fuzz target for what an edge's directory shows of a push: markers, buckets, and
 * what of all that comes into force.
 *
 * The first byte of the input chooses:
 *	m  an entry, as LDIF: a marker that is read may be written, and is then the same
 *	b  two bytes, a bucket's number, and its value: valid or made so, and then edited
 *	r  entries, as LDIF, each "cn=Round" of them a refresh of an edge's whole tree
 * A marker's hubPushDigest "=" stands for the digest of what its round shows, so that pushes come
 * into force. Whatever comes, what is in force is what one marker spoke of, as a whole, and stays
 * so over a restart.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libhub/directory/draft.h"
#include "libhub/directory/ldif.h"
#include "libhub/org/dn.h"
#include "libhub/org/edge_layout.h"
#include "libhub/org/replica.h"
#include "libhub/org/replica_marker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE "cn=Transport,o=edge"
#define NBASE "cn=transport,o=edge"

enum { INPUT_MAX = 1 << 14, ENTRIES_MAX = 64 };

/* --- a marker --- */

static void check_marker(const struct entry *e, void *ctx)
{
	struct replica_marker m, again;
	struct arena *a = arena_new();
	struct err err = { .text = "" };

	(void)ctx;
	if (replica_marker_read(e, &m, &err) < 0) {
		BUG_ON(err.text[0] == '\0' || m.has_key || m.digest[0] != '\0');
	} else {
		BUG_ON(m.digest[0] != '\0' && strlen(m.digest) != REPLICA_DIGEST_TEXT - 1);
		BUG_ON(replica_marker_read(replica_marker_entry(a, REPLICA_RECIPIENTS, BASE, &m),
			&again, &err) < 0);
		BUG_ON(memcmp(&m, &again, sizeof(m)) != 0);
	}
	arena_free_wiped(&a);
}

static void try_marker(const char *text, size_t size)
{
	struct err e;

	(void)!ldif_read_text("F", text, size, check_marker, NULL, &e);
}

/* --- a bucket --- */

static void same_value(const struct bucket *b, const unsigned char *value, size_t size)
{
	BUG_ON(b->n * BUCKET_HASH != size || (size != 0 && memcmp(b->hashes, value, size) != 0));
}

/* Each hash is found, goes, and comes back to where it was. */
static void edit_bucket(struct bucket *b, const unsigned char *value, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += BUCKET_HASH) {
		BUG_ON(!bucket_has(value, size, value + i) || bucket_add(b, value + i));
		BUG_ON(!bucket_remove(b, value + i) || bucket_remove(b, value + i));
		BUG_ON(!bucket_add(b, value + i));
		same_value(b, value, size);
	}
}

/* Whatever the bytes are: as hashes of that bucket they can be sorted to be a value. */
static void make_valid(unsigned int number, const unsigned char *value, size_t size)
{
	unsigned char hash[BUCKET_HASH];
	struct bucket b = { .hashes = NULL };
	size_t i;

	for (i = 0; i + BUCKET_HASH <= size; i += BUCKET_HASH) {
		memcpy(hash, value + i, BUCKET_HASH);
		hash[0] = (unsigned char)(number >> 4);
		hash[1] = (unsigned char)((number & 15) << 4 | (hash[1] & 15));
		bucket_append(&b, hash);
	}
	bucket_sort(&b);
	BUG_ON(!bucket_is_valid(number, b.hashes, b.n * BUCKET_HASH));
	bucket_deinit(&b);
}

static void try_bucket(const unsigned char *p, size_t size)
{
	struct bucket b = { .hashes = NULL };
	unsigned int number;
	char name[BUCKET_NAME];

	if (size < 2)
		return;
	number = ((unsigned int)p[0] << 8 | p[1]) % BUCKETS;
	bucket_name(number, name);
	BUG_ON(bucket_of_name(name) != (int)number);
	make_valid(number, p + 2, size - 2);
	if (!bucket_is_valid(number, p + 2, size - 2))
		return;
	bucket_set(&b, p + 2, size - 2);
	same_value(&b, p + 2, size - 2);
	edit_bucket(&b, p + 2, size - 2);
	bucket_deinit(&b);
}

/* --- rounds --- */

struct shown {
	const struct entry *entry;
	const char *rdn;		/* normalized, relative to the tree; NULL if not in it */
};

struct rounds {
	struct arena *arena;
	struct shown shown[ENTRIES_MAX];
	size_t n;
	struct replica *r;
	struct recipients *people;
	const struct snapshot *now;
};

static const char *relative(struct arena *a, const char *dn)
{
	const char *ndn = strlen(dn) <= ENTRY_DN_MAX ? dn_normalize(a, dn) : NULL;

	return ndn != NULL ? dn_relative(a, ndn, NBASE) : NULL;
}

/* Of entries with one name the last counts. */
static bool is_last(const struct rounds *s, size_t i)
{
	size_t k;

	for (k = i + 1; k < s->n; k++)
		if (s->shown[k].rdn != NULL && strcmp(s->shown[k].rdn, s->shown[i].rdn) == 0)
			return false;
	return true;
}

static void digest_configuration(const struct rounds *s, char out[REPLICA_DIGEST_TEXT])
{
	struct replica_digest *d = replica_digest_new();
	unsigned char one[REPLICA_DIGEST_SIZE];
	size_t i;

	for (i = 0; i < s->n; i++) {
		const char *rdn = s->shown[i].rdn;

		if (rdn == NULL || !is_last(s, i) ||
		    edge_layout_part(rdn, s->shown[i].entry) != EDGE_PART_CONFIGURATION)
			continue;
		replica_digest_entry(rdn, s->shown[i].entry, one);
		replica_digest_add(d, one);
	}
	replica_digest_finish(&d, out);
}

/* Of buckets without hashes; the caller frees it. */
static unsigned char (*empty_buckets(void))[BUCKET_DIGEST]
{
	unsigned char (*digests)[BUCKET_DIGEST] = xcalloc(BUCKETS, sizeof(*digests));
	int k;

	bucket_digest(NULL, 0, digests[0]);
	for (k = 1; k < BUCKETS; k++)
		memcpy(digests[k], digests[0], BUCKET_DIGEST);
	return digests;
}

static void take_bucket(unsigned char (*digests)[BUCKET_DIGEST], const char *rdn,
	const struct entry *e)
{
	const struct entry_attr *attr = entry_attr(e, "hubBucketHash");
	int k = edge_layout_part(rdn, e) == EDGE_PART_BUCKET ? bucket_of_name(rdn) : -1;

	if (k >= 0 && attr != NULL)
		bucket_digest(attr->values[0].data, attr->values[0].size, digests[k]);
}

static void digest_recipients(const struct rounds *s, char out[REPLICA_DIGEST_TEXT])
{
	unsigned char (*digests)[BUCKET_DIGEST] = empty_buckets();
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->shown[i].rdn != NULL && is_last(s, i))
			take_bucket(digests, s->shown[i].rdn, s->shown[i].entry);
	buckets_digest((const unsigned char (*)[BUCKET_DIGEST])digests, out);
	free(digests);
}

/* The marker with the digest that fits. */
static const struct entry *complete(const struct rounds *s, const struct entry *e, bool recipients)
{
	char digest[REPLICA_DIGEST_TEXT];
	struct draft *d = arena_alloc(s->arena, sizeof(*d));
	struct err err;
	size_t i;

	if (recipients)
		digest_recipients(s, digest);
	else
		digest_configuration(s, digest);
	draft_init(d, s->arena);
	d->entry = *e;
	d->entry.attrs = NULL;
	d->entry.n = 0;
	for (i = 0; i < e->n; i++) {
		const struct entry_attr *attr = &e->attrs[i];
		bool digests = strcasecmp(attr->name, "hubPushDigest") == 0;

		BUG_ON(draft_add(d, attr->name, strlen(attr->name),
			digests ? (const void *)digest : attr->values[0].data,
			digests ? strlen(digest) : attr->values[0].size, &err) < 0);
	}
	return draft_entry(d);
}

static const struct entry *as_shown(const struct rounds *s, const struct shown *one)
{
	const char *digest = entry_text(one->entry, "hubPushDigest");
	int which;

	for (which = 0; one->rdn != NULL && which < REPLICA_DATA; which++)
		if (strcmp(one->rdn, replica_marker_rdns[which]) == 0 && digest != NULL &&
		    strcmp(digest, "=") == 0)
			return complete(s, one->entry, which == REPLICA_RECIPIENTS);
	return one->entry;
}

/* --- what is in force --- */

struct force {
	struct arena *arena;
	struct replica_digest *d;
	unsigned char (*digests)[BUCKET_DIGEST];
	char text[2][REPLICA_DIGEST_TEXT];	/* of the markers among it; "" = none */
};

static void take_force(const struct entry *e, void *ctx)
{
	struct force *f = ctx;
	const char *rdn = relative(f->arena, e->dn);
	unsigned char one[REPLICA_DIGEST_SIZE];
	struct replica_marker m;
	struct err err;
	int which;

	if (rdn == NULL)
		return;
	for (which = 0; which < REPLICA_DATA; which++)
		if (strcmp(rdn, replica_marker_rdns[which]) == 0) {
			BUG_ON(replica_marker_read(e, &m, &err) < 0 || m.digest[0] == '\0');
			memcpy(f->text[which], m.digest, sizeof(m.digest));
			explicit_bzero(&m, sizeof(m));
		}
	take_bucket(f->digests, rdn, e);
	if (edge_layout_part(rdn, e) != EDGE_PART_CONFIGURATION)
		return;
	replica_digest_entry(rdn, e, one);
	replica_digest_add(f->d, one);
}

/* Of what is in force; and it is what its markers say. */
static void check_force(const struct replica *r, char out[2][REPLICA_DIGEST_TEXT])
{
	struct force f = { .arena = arena_new(), .d = replica_digest_new(),
		.digests = empty_buckets() };
	struct replica_status status;
	int k;

	replica_each(r, take_force, &f);
	replica_each_recipient(r, take_force, &f);
	replica_digest_finish(&f.d, out[REPLICA_CONFIGURATION]);
	buckets_digest((const unsigned char (*)[BUCKET_DIGEST])f.digests, out[REPLICA_RECIPIENTS]);
	replica_status(r, &status);
	for (k = 0; status.subscribed && k < REPLICA_DATA; k++)
		BUG_ON(f.text[k][0] != '\0' && strcmp(f.text[k], out[k]) != 0);
	BUG_ON(status.subscribed && status.configuration.in_step &&
		f.text[REPLICA_CONFIGURATION][0] == '\0');
	BUG_ON(status.subscribed && status.recipients.in_step &&
		f.text[REPLICA_RECIPIENTS][0] == '\0');
	free(f.digests);
	arena_free(&f.arena);
}

static void settle(struct rounds *s)
{
	const struct snapshot *next = builder_build(replica_settle(s->r, s->now), s->now);

	snapshot_unref(&s->now);
	s->now = next;
	(void)replica_settle_recipients(s->r, s->people);
}

/* An entry keeps its UUID as long as it has its name. */
static void put(struct rounds *s, const struct shown *one)
{
	struct entry e = *as_shown(s, one);
	unsigned char digest[BUCKET_DIGEST];

	if (!e.has_uuid && one->rdn != NULL) {
		bucket_digest((const unsigned char *)one->rdn, strlen(one->rdn), digest);
		memcpy(e.uuid, digest, sizeof(e.uuid));
		e.has_uuid = true;
	}
	replica_put(s->r, &e);
}

static void end_round(struct rounds *s)
{
	struct guard_loss losses[BUILDER_LOSSES];
	char now[2][REPLICA_DIGEST_TEXT];
	size_t i;

	replica_refresh_begin(s->r);
	for (i = 0; i < s->n; i++)
		put(s, &s->shown[i]);
	replica_losses(s->r, losses);
	(void)replica_is_proven(s->r);
	replica_refresh_end(s->r);
	settle(s);
	check_force(s->r, now);
	s->n = 0;
}

static void take(const struct entry *e, void *ctx)
{
	struct rounds *s = ctx;
	const char *rdn = relative(s->arena, e->dn);

	if (rdn != NULL && strcmp(rdn, "cn=round") == 0)
		end_round(s);
	else if (s->n < ENTRIES_MAX)
		s->shown[s->n++] = (struct shown){ entry_copy(s->arena, e), rdn };
}

static void load_one(const struct entry *e, void *ctx)
{
	replica_load(ctx, e, false);
}

static void put_one(const struct entry *e, void *ctx)
{
	replica_put(ctx, e);
}

/* What was in force is so again from the cache. */
static void restart(const struct rounds *s)
{
	struct replica *r = replica_new(BASE);
	struct recipients *people = recipients_new();
	char before[2][REPLICA_DIGEST_TEXT], after[2][REPLICA_DIGEST_TEXT];
	int k;

	check_force(s->r, before);
	replica_each(s->r, load_one, r);
	replica_trust(r);
	replica_each_recipient(s->r, put_one, r);
	(void)replica_settle_recipients(r, people);
	check_force(r, after);
	for (k = 0; k < REPLICA_DATA; k++)
		BUG_ON(strcmp(before[k], after[k]) != 0);
	replica_free(&r);
	recipients_free(&people);
}

static void try_rounds(const char *text, size_t size)
{
	struct rounds s = { .arena = arena_new(), .r = replica_new(BASE),
		.people = recipients_new() };
	struct err e;

	if (ldif_read_text("F", text, size, take, &s, &e) == 0 && s.now != NULL)
		restart(&s);
	snapshot_unref(&s.now);
	replica_free(&s.r);
	recipients_free(&s.people);
	arena_free(&s.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > INPUT_MAX)
		return 0;
	switch (data[0]) {
	case 'm':
		try_marker((const char *)data + 1, size - 1);
		break;
	case 'b':
		try_bucket(data + 1, size - 1);
		break;
	case 'r':
		try_rounds((const char *)data + 1, size - 1);
		break;
	}
	return 0;
}
