/* replica_hashes.c - the recipients of a subscribed edge: from buckets shown to those in force. */
#include "libhub/org/replica_impl.h"

#include <stdio.h>
#include <string.h>

#include "libhub/org/builder_impl.h"
#include "libhub/org/edge_layout.h"

/* The people of the edge's own directory count again. */
static void unsubscribe(struct replica *r, struct recipients *people)
{
	r->recipients.looked = false;
	replica_part_set(&r->recipients, NULL);
	if (r->recipients.in_force != NULL || r->hashed != NULL)
		r->recipients_round++;
	record_unref(&r->recipients.in_force);
	r->hashed = NULL;
	recipients_use_people(people);
}

static bool has_changed(struct replica *r)
{
	struct part *p = &r->recipients;

	if (p->looked && r->store_looked_at == hash_store_changes(r->store) &&
	    r->marker_looked_at == p->shown.record)
		return false;
	p->looked = true;
	r->store_looked_at = hash_store_changes(r->store);
	r->marker_looked_at = p->shown.record;
	return true;
}

static bool is_sound(struct replica *r)
{
	char reason[REPLICA_TEXT];
	int bad = hash_store_bad(r->store);

	if (bad < 0)
		return true;
	snprintf(reason, sizeof(reason), "bucket cn=%03x: its value is not hashes of that bucket, "
		"sorted, each once", (unsigned int)bad);
	replica_part_set(&r->recipients, reason);
	return false;
}

/* Those that are shown now. */
static void put_in_force(struct replica *r, const struct replica_marker *m,
	struct recipients *people)
{
	replica_part_adopt(&r->recipients);
	r->hashed = hash_store_picture(r->store, m->key);
	r->recipients_round++;
	recipients_use_hashes(people, r->hashed);
}

static void settle(struct replica *r, struct recipients *people)
{
	char digest[REPLICA_DIGEST_TEXT];
	struct replica_marker m;

	if (r->hashed == NULL)
		recipients_use_hashes(people, NULL);
	if (!is_sound(r))
		return;
	hash_store_digest(r->store, digest);
	if (replica_part_match(&r->recipients, digest, &m) < 0)
		return;
	if (*m.holder == '\0')
		replica_part_set(&r->recipients, "nothing was pushed yet");
	else if (!m.has_key)
		replica_part_set(&r->recipients, "the marker has no hubHashKey");
	else
		put_in_force(r, &m, people);
	explicit_bzero(&m, sizeof(m));
}

bool replica_settle_recipients(struct replica *r, struct recipients *people)
{
	bool could = recipients_answer(people);

	if (!replica_is_subscribed(r))
		unsubscribe(r, people);
	else if (has_changed(r))
		settle(r, people);
	return !could && recipients_answer(people);
}

/* --- the cache --- */

uint64_t replica_recipients_round(const struct replica *r)
{
	return r->recipients_round;
}

static void give_bucket(const char *base, unsigned int number, const struct blob *value,
	void (*cb)(const struct entry *e, void *ctx), void *ctx)
{
	char name[BUCKET_NAME], dn[ENTRY_DN_MAX + 64];
	struct blob class = { (const unsigned char *)"hubRecipientBucket", 18 };
	struct blob cn = { (const unsigned char *)name, 3 };
	const struct entry_attr attrs[] = {
		{ "objectClass", &class, 1 }, { "cn", &cn, 1 }, { "hubBucketHash", value, 1 },
	};
	const struct entry e = { .dn = dn, .attrs = attrs, .n = 3 };

	bucket_name(number, name);
	snprintf(dn, sizeof(dn), "cn=%s," EDGE_RECIPIENTS_DN ",%s", name, base);
	cb(&e, ctx);
}

void replica_each_recipient(const struct replica *r, void (*cb)(const struct entry *e, void *ctx),
	void *ctx)
{
	struct blob value;
	unsigned int i;

	if (r->hashed == NULL)
		return;
	cb(&r->recipients.in_force->raw, ctx);
	for (i = 0; i < BUCKETS; i++) {
		value = hashed_bucket(r->hashed, i);
		if (value.size != 0)
			give_bucket(r->shown->base, i, &value, cb, ctx);
	}
}
