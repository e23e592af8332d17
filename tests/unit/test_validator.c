/* test_validator.c - hub-validator: requests of slapd, entries after a change, and that a change
 * tried in place is judged as a build of the whole judges it.
 */
#include <string.h>

#include <ldap.h>

#include "libhub/directory/draft.h"
#include "libhub/org/trial.h"
#include "org_text.h"
#include "tools/validator/apply.h"
#include "unit.h"

#define BASE "cn=Transport,o=x"

static struct arena *arena;

static void set_up(void)
{
	arena = arena_new();
}

static void tear_down(void)
{
	arena_free(&arena);
}

/* --- requests --- */

static const char modify_text[] =
	"MODIFY\nmsgid: 3\nbinddn: cn=admin,o=x\nsuffix: o=x\ndn: cn=a,cn=Connectors," BASE "\n"
	"add: hubSmartHost\nhubSmartHost: a.exam\n ple\nhubSmartHost:: Yi5leGFtcGxl\n-\n"
	"delete: hubFQDN\n-\nreplace: hubCertificate;binary\nhubCertificate;binary:: AAEC\n-\n\n";

START_TEST(reads_a_modification)
{
	struct request r;
	struct err e;

	ck_assert_uint_eq(request_end(modify_text, sizeof(modify_text) - 1),
		sizeof(modify_text) - 1);
	ck_assert_uint_eq(request_end(modify_text, sizeof(modify_text) - 2), 0);
	ck_assert_int_eq(request_parse(arena, modify_text, sizeof(modify_text) - 1, &r, &e), 0);
	ck_assert_int_eq(r.kind, REQUEST_MODIFY);
	ck_assert_str_eq(r.bind_dn, "cn=admin,o=x");
	ck_assert_str_eq(r.dn, "cn=a,cn=Connectors," BASE);
	ck_assert_uint_eq(r.mod_count, 3);
	ck_assert_int_eq(r.mods[0].kind, MOD_ADD);
	ck_assert_uint_eq(r.mods[0].attr.n, 2);
	ck_assert_str_eq((const char *)r.mods[0].attr.values[0].data, "a.example");
	ck_assert_str_eq((const char *)r.mods[0].attr.values[1].data, "b.example");
	ck_assert_int_eq(r.mods[1].kind, MOD_DELETE);
	ck_assert_uint_eq(r.mods[1].attr.n, 0);
	ck_assert_str_eq(r.mods[2].attr.name, "hubCertificate");
	ck_assert_uint_eq(r.mods[2].attr.values[0].size, 3);
}
END_TEST

START_TEST(reads_the_other_operations)
{
	static const char add[] = "ADD\nmsgid: 1\nbinddn: \nsuffix: o=x\ndn: cn=a," BASE "\n"
		"objectClass: hubSite\ncn: a\n\n";
	static const char rename[] = "MODRDN\nmsgid: 1\ndn: cn=a," BASE "\nnewrdn: cn=b\n"
		"deleteoldrdn: 1\nnewSuperior: cn=Sites," BASE "\n\n";
	static const char delete[] = "DELETE\nmsgid: 1\nbinddn: x=y\ndn: cn=a," BASE "\n\n";
	static const char unbind[] = "UNBIND\nmsgid: 0\n\n";
	struct request r;
	struct err e;

	ck_assert_int_eq(request_parse(arena, add, sizeof(add) - 1, &r, &e), 0);
	ck_assert_int_eq(r.kind, REQUEST_ADD);
	ck_assert_str_eq(r.bind_dn, "");
	ck_assert_uint_eq(r.entry->n, 2);
	ck_assert_int_eq(request_parse(arena, rename, sizeof(rename) - 1, &r, &e), 0);
	ck_assert_int_eq(r.kind, REQUEST_RENAME);
	ck_assert_ptr_null(r.bind_dn);
	ck_assert_str_eq(r.new_rdn, "cn=b");
	ck_assert(r.delete_old_rdn);
	ck_assert_str_eq(r.new_superior, "cn=Sites," BASE);
	ck_assert_int_eq(request_parse(arena, delete, sizeof(delete) - 1, &r, &e), 0);
	ck_assert_int_eq(r.kind, REQUEST_DELETE);
	ck_assert_int_eq(request_parse(arena, unbind, sizeof(unbind) - 1, &r, &e), 0);
	ck_assert_int_eq(r.kind, REQUEST_OTHER);
}
END_TEST

static const char *const senseless[] = {
	"", "\n", "MODIFY\n\n", "MODIFY\nmsgid: 1\n\n", "DELETE\nmsgid 1\ndn: cn=a\n\n",
	"MODIFY\ndn: cn=a\nadd: hubFQDN\nhubFQDN: x\n\n",
	"MODIFY\ndn: cn=a\nadd: hubFQDN\nhubPort: 1\n-\n\n",
	"MODIFY\ndn: cn=a\nexchange: hubFQDN\nhubFQDN: x\n-\n\n",
	"MODIFY\ndn: cn=a\nadd:\n-\n\n",
	"MODIFY\ndn: cn=a\nadd: hubFQDN\nhubFQDN:: ***\n-\n\n",
	"MODIFY\ndn: cn=a\nadd: hubFQDN\nhubFQDN:< file:///etc/passwd\n-\n\n",
	"MODRDN\ndn: cn=a\nnewrdn: cn=b\n\n", "MODRDN\ndn: cn=a\ndeleteoldrdn: 1\n\n",
	"MODRDN\ndn: cn=a\nnewrdn: cn=b\ndeleteoldrdn: 2\n\n",
	"ADD\ndn:: AAAA\ncn: a\n\n",
};

START_TEST(refuses_what_makes_no_sense)
{
	struct request r;
	struct err e;

	ck_assert_int_eq(request_parse(arena, senseless[_i], strlen(senseless[_i]), &r, &e), -1);
}
END_TEST

START_TEST(every_part_of_a_request_is_read_or_refused)
{
	char text[sizeof(modify_text)];
	struct request r;
	struct err e;
	size_t n, i;

	for (n = 0; n < sizeof(modify_text); n++) {
		for (i = 0; i < n; i++)
			text[i] = modify_text[i];
		(void)!request_parse(arena, text, n, &r, &e);
	}
}
END_TEST

/* --- entries after a change --- */

static const char *value(const struct entry *e, const char *name, size_t k)
{
	size_t i;

	for (i = 0; i < e->n; i++)
		if (strcasecmp(e->attrs[i].name, name) == 0 && k < e->attrs[i].n)
			return (const char *)e->attrs[i].values[k].data;
	return NULL;
}

static void keep_entry(const struct entry *e, void *ctx)
{
	*(struct entry **)ctx = entry_copy(arena, e);
}

static struct entry *entry_of(const char *text)
{
	struct entry *e = NULL;

	org_text_each(text, keep_entry, &e);
	ck_assert_ptr_nonnull(e);
	return e;
}

static const char server_text[] = "dn: cn=hub1,cn=Servers," BASE "\nobjectClass: hubServer\n"
	"cn: hub1\nhubRole: Hub\nhubServerSite: cn=A,cn=Sites," BASE "\nhubFQDN: hub1.x\n"
	"hubMaxOutboundConnections: 7\n";

static const struct entry *modified(const char *mods, int *code)
{
	const char *text = arena_printf(arena, "MODIFY\nbinddn: x\ndn: cn=hub1,cn=Servers," BASE
		"\n%s\n", mods);
	struct request r;
	struct err e;

	ck_assert_int_eq(request_parse(arena, text, strlen(text), &r, &e), 0);
	return apply_modify(arena, entry_of(server_text), obj_class_by_ldap("hubServer"), &r, code,
		&e);
}

START_TEST(applies_modifications)
{
	const struct entry *e;
	int code;

	e = modified("delete: hubFQDN\nhubFQDN: HUB1.X\n-\nadd: hubFQDN\nhubFQDN: b.x\n-\n", &code);
	ck_assert_str_eq(value(e, "hubFQDN", 0), "b.x");
	ck_assert_ptr_null(value(e, "hubFQDN", 1));
	e = modified("delete: hubServerSite\nhubServerSite: CN=a, cn=Sites," BASE "\n-\n", &code);
	ck_assert_ptr_nonnull(e);
	ck_assert_ptr_null(value(e, "hubServerSite", 0));
	e = modified("increment: hubMaxOutboundConnections\nhubMaxOutboundConnections: 5\n-\n",
		&code);
	ck_assert_str_eq(value(e, "hubMaxOutboundConnections", 0), "12");
	e = modified("replace: hubFQDN\n-\nreplace: hubPort\nhubPort: 1\n-\n", &code);
	ck_assert_ptr_null(value(e, "hubFQDN", 0));
	ck_assert_str_eq(value(e, "hubPort", 0), "1");
	ck_assert_ptr_null(modified("add: hubFQDN\nhubFQDN: Hub1.x\n-\n", &code));
	ck_assert_int_eq(code, LDAP_TYPE_OR_VALUE_EXISTS);
	ck_assert_ptr_null(modified("delete: hubFQDN\nhubFQDN: c.x\n-\n", &code));
	ck_assert_int_eq(code, LDAP_NO_SUCH_ATTRIBUTE);
	ck_assert_ptr_nonnull(modified("delete: userPassword\nuserPassword: a\n-\n", &code));
}
END_TEST

START_TEST(names_come_with_the_dn)
{
	struct request r = { .kind = REQUEST_ADD, .dn = "cn=New one,cn=Sites," BASE };
	const struct entry *e;
	struct err err;
	int code;

	r.entry = entry_of("dn: cn=New one,cn=Sites," BASE "\nobjectClass: hubSite\n");
	e = apply_add(arena, &r, &code, &err);
	ck_assert_str_eq(value(e, "cn", 0), "New one");
	r = (struct request){ .kind = REQUEST_RENAME, .new_rdn = "cn=hub2",
		.delete_old_rdn = true };
	e = apply_rename(arena, entry_of(server_text), &r, &code, &err);
	ck_assert_str_eq(e->dn, "cn=hub2,cn=Servers," BASE);
	ck_assert_str_eq(value(e, "cn", 0), "hub2");
	ck_assert_ptr_null(value(e, "cn", 1));
	r.delete_old_rdn = false;
	e = apply_rename(arena, entry_of(server_text), &r, &code, &err);
	ck_assert_str_eq(value(e, "cn", 1), "hub2");
}
END_TEST

/* --- in place as by building --- */

#define SERVER(n, role, site)                                                                    \
	"dn: cn=" n ",cn=Servers," BASE "\nobjectClass: hubServer\ncn: " n                       \
	"\nhubRole: " role "\nhubServerSite: cn=" site ",cn=Sites," BASE "\n"
#define RECEIVE(n, ip)                                                                           \
	"dn: cn=" n ",cn=h1,cn=Servers," BASE "\nobjectClass: hubReceiveConnector\n"             \
	"cn: " n "\nhubBinding: 0.0.0.0:25\nhubRemoteIPRange: " ip "\n"
#define SEND(n, more)                                                                            \
	"dn: cn=" n ",cn=Connectors," BASE "\nobjectClass: hubSendConnector\ncn: " n "\n" more
#define FROM(s) "hubSourceServer: cn=" s ",cn=Servers," BASE "\n"
#define DOMAIN(n, d)                                                                             \
	"dn: cn=" n ",cn=Accepted Domains," BASE "\nobjectClass: hubAcceptedDomain\n"            \
	"cn: " n "\nhubDomain: " d "\n"
#define SITE(n) "dn: cn=" n ",cn=Sites," BASE "\nobjectClass: hubSite\ncn: " n "\n"

static const char *const pool[] = {
	SITE("A"), SITE("B"), SERVER("h1", "Hub", "A"), SERVER("h1", "Edge", "A"),
	SERVER("h1", "Hub", "B"), SERVER("h2", "Hub", "A"), SERVER("h2", "Hub", "B"),
	SERVER("e1", "Edge", "A"), RECEIVE("r1", "10.0.0.0/8"), RECEIVE("r1", "10.1.0.0/16"),
	RECEIVE("r2", "10.0.0.0/8"), RECEIVE("r2", "10.1.0.0/16"), RECEIVE("r2", "11.0.0.0/8"),
	/* odd, but nothing forbids it */
	RECEIVE("r1", "10.0.0.0/8") "hubMaxHopCount: 7\n",
	SEND("c1", "hubAddressSpace: *\n" FROM("h1")),
	SEND("c1", "hubAddressSpace: *\n" FROM("h1") FROM("h2")),
	SEND("c1", "hubAddressSpace: *\nhubDNSRouting: TRUE\nhubSmartHost: a.b\n" FROM("h1")),
	SEND("c2", "hubAddressSpace: --\n" FROM("e1")),
	SEND("c2", "hubAddressSpace: --\n" FROM("h1")),
	SEND("l1", "hubLinkedReceiveConnector: cn=r1,cn=h1,cn=Servers," BASE "\n"
		"hubSmartHost: a.b\nhubMaxMessageSize: 0\n"),
	SEND("l2", "hubLinkedReceiveConnector: cn=r1,cn=h1,cn=Servers," BASE "\n"
		"hubSmartHost: a.b\nhubMaxMessageSize: 0\n"),
	SEND("l2", "hubEnabled: FALSE\nhubLinkedReceiveConnector: cn=r1,cn=h1,cn=Servers," BASE "\n"
		"hubSmartHost: a.b\nhubMaxMessageSize: 0\n"),
	DOMAIN("d1", "a.x"), DOMAIN("d1", "b.x"), DOMAIN("d2", "a.x"), DOMAIN("d2", "b.x"),
	"dn: cn=s1,cn=Edge Subscriptions," BASE "\nobjectClass: hubEdgeSubscription\ncn: s1\n"
	"hubServerRef: cn=e1,cn=Servers," BASE "\n",
	"dn: cn=s1,cn=Edge Subscriptions," BASE "\nobjectClass: hubEdgeSubscription\ncn: s1\n"
	"hubServerRef: cn=h2,cn=Servers," BASE "\n",
};
enum { POOL = sizeof(pool) / sizeof(pool[0]), STEPS = 3000 };

static unsigned int random_state;

static unsigned int next_random(unsigned int below)
{
	random_state = random_state * 1103515245u + 12345u;
	return (random_state >> 16) % below;
}

/* What a build of the whole makes of the same entries. */
static const struct snapshot *rebuilt(struct builder *b)
{
	return builder_build(b, NULL);
}

/* The change by itself, in a builder of its own, refused or not by what it rejects there. */
static bool breaks(struct builder *b)
{
	const struct snapshot *s = rebuilt(b);
	bool bad = s->rejection_count != 0 || s->warning_count != s->advice_count;

	snapshot_unref(&s);
	return bad;
}

static void step_store(struct trial *t, struct builder *b, const char *text)
{
	struct entry *e = entry_of(text), *before = NULL;
	const char *ndn = trial_normalize(t, arena, e->dn);
	struct record *old = trial_record(t, ndn);
	struct err err;
	int rc;

	if (old != NULL)
		before = entry_copy(arena, &old->raw);
	rc = trial_store(t, e, &err);
	builder_put(b, e);
	ck_assert_msg((rc != 0) == breaks(b), "%s: %s", text, rc != 0 ? err.text : "passed");
	if (rc == 0)
		return;
	builder_delete_dn(b, e->dn);
	if (before != NULL)
		builder_put(b, before);
}

static void step_remove(struct trial *t, struct builder *b, const char *text)
{
	struct entry *e = entry_of(text);
	const char *ndn = trial_normalize(t, arena, e->dn);
	struct record *old = trial_record(t, ndn);
	struct entry *before;
	struct err err;
	int rc;

	if (old == NULL)
		return;
	before = entry_copy(arena, &old->raw);
	rc = trial_remove(t, ndn, &err);
	builder_delete_dn(b, e->dn);
	ck_assert_msg((rc != 0) == breaks(b), "remove %s: %s", text, rc != 0 ? err.text : "passed");
	if (rc != 0)
		builder_put(b, before);
}

START_TEST(in_place_judges_as_building_does)
{
	struct trial *t = trial_new(BASE);
	struct builder *b = builder_new(BASE);
	const struct snapshot *s;
	size_t step, i, stored = 0;

	random_state = (unsigned int)_i;
	for (step = 0; step < STEPS; step++) {
		const char *text = pool[next_random(POOL)];

		if (next_random(4) == 0)
			step_remove(t, b, text);
		else
			step_store(t, b, text);
		stored += builder_count(b);
		/* the snapshot edited in place holds what a new one does */
		s = rebuilt(b);
		for (i = 0; i < OBJ_KINDS; i++)
			ck_assert_uint_eq(s->all[i].n, trial_snapshot(t)->all[i].n);
		snapshot_unref(&s);
		tear_down();
		set_up();
	}
	/* the walk gets somewhere */
	ck_assert_uint_gt(stored / STEPS, 4);
	trial_free(&t);
	builder_free(&b);
}
END_TEST

START_TEST(takes_over_what_the_directory_shows)
{
	struct trial *t = trial_new(BASE);
	struct builder *b = builder_new(BASE);
	size_t step, i, rejected = 0;

	random_state = (unsigned int)_i;
	for (step = 0; step < STEPS; step++) {
		const struct entry *e = entry_of(pool[next_random(POOL)]);
		const struct snapshot *s;

		if (next_random(3) == 0) {
			trial_delete_dn(t, trial_normalize(t, arena, e->dn));
			builder_delete_dn(b, e->dn);
		} else {
			trial_put(t, e);
			builder_put(b, e);
		}
		s = rebuilt(b);
		rejected += s->rejection_count;
		ck_assert_uint_eq(s->rejection_count, trial_snapshot(t)->rejection_count);
		for (i = 0; i < OBJ_KINDS; i++)
			ck_assert_uint_eq(s->all[i].n, trial_snapshot(t)->all[i].n);
		snapshot_unref(&s);
		tear_down();
		set_up();
	}
	ck_assert_uint_gt(rejected, 0);
	trial_free(&t);
	builder_free(&b);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("validator");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, reads_a_modification);
	tcase_add_test(t, reads_the_other_operations);
	tcase_add_loop_test(t, refuses_what_makes_no_sense, 0,
		sizeof(senseless) / sizeof(senseless[0]));
	tcase_add_test(t, every_part_of_a_request_is_read_or_refused);
	tcase_add_test(t, applies_modifications);
	tcase_add_test(t, names_come_with_the_dn);
	tcase_add_loop_test(t, in_place_judges_as_building_does, 0, 4);
	tcase_add_loop_test(t, takes_over_what_the_directory_shows, 0, 4);
	return unit_run("validator", &t, 1);
}
