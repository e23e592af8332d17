/* test_session_identity.c - which sessions may stand for each other, and which TLS may resume. */
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <string.h>

#include "hubd/deliver/resume.h"
#include "hubd/deliver/session_identity.h"
#include "unit.h"

static struct session_identity usual(void)
{
	struct session_identity id = {
		.owner = "queue", .name = "hub1.example.com", .context = 7, .user = "anna",
		.password = "secret", .auth = 1, .tls = 2, .trust = 4, .verify = 2,
		.verify_name = "example.com", .asked_name = "mx.example.com",
	};
	struct sockaddr_in *to = (struct sockaddr_in *)(void *)&id.to;
	struct sockaddr_in6 *from = (struct sockaddr_in6 *)(void *)&id.from;

	to->sin_family = AF_INET;
	to->sin_port = htons(25);
	to->sin_addr.s_addr = htonl(0xc0000201);
	from->sin6_family = AF_INET6;
	from->sin6_addr.s6_addr[15] = 1;
	return id;
}

static void other_address(struct session_identity *id)
{
	((struct sockaddr_in *)(void *)&id->to)->sin_addr.s_addr = htonl(0xc0000202);
}

static void other_port(struct session_identity *id)
{
	((struct sockaddr_in *)(void *)&id->to)->sin_port = htons(26);
}

static void other_source(struct session_identity *id)
{
	((struct sockaddr_in6 *)(void *)&id->from)->sin6_addr.s6_addr[0] = 1;
}

static void no_source(struct session_identity *id)
{
	memset(&id->from, 0, sizeof(id->from));
}

/* Fills what a comparison has to pass over. */
static void other_padding(struct session_identity *id)
{
	((struct sockaddr_in *)(void *)&id->to)->sin_zero[3] = 9;
}

#define CHANGE(field, value)                                    \
	static void change_##field(struct session_identity *id) \
	{                                                       \
		id->field = value;                              \
	}

CHANGE(owner, "another queue")
CHANGE(name, "hub2.example.com")
CHANGE(context, 8)
CHANGE(user, "anna2")
CHANGE(password, "Secret")
CHANGE(auth, 2)
CHANGE(lmtp, true)
CHANGE(force_helo, true)
CHANGE(tls, 1)
CHANGE(trust, 0)
CHANGE(verify, 1)
CHANGE(mutual, true)
CHANGE(verify_name, "example.org")
CHANGE(asked_name, NULL)
CHANGE(require_tls, true)

static void empty_name(struct session_identity *id)
{
	id->asked_name = "";
}

/* What stood at the end of one field stands at the beginning of the next. */
static void moved(struct session_identity *id)
{
	id->user = "annas";
	id->password = "ecret";
}

static const struct row {
	const char *field;		/* NULL = it is the same all the same */
	void (*change)(struct session_identity *id);
} rows[] = {
	{ NULL, other_padding },
	{ "to", other_address }, { "to", other_port }, { "from", other_source },
	{ "from", no_source }, { "owner", change_owner }, { "name", change_name },
	{ "context", change_context }, { "user", change_user }, { "password", change_password },
	{ "auth", change_auth }, { "lmtp", change_lmtp }, { "force_helo", change_force_helo },
	{ "tls", change_tls }, { "trust", change_trust }, { "verify", change_verify },
	{ "mutual", change_mutual }, { "verify_name", change_verify_name },
	{ "asked_name", change_asked_name }, { "asked_name", empty_name },
	{ "require_tls", change_require_tls }, { "user", moved },
};

START_TEST(each_field_keeps_apart)
{
	struct session_identity a = usual(), b = usual();
	unsigned char x[SESSION_IDENTITY_DIGEST], y[SESSION_IDENTITY_DIGEST];
	const char *differs;

	ck_assert_ptr_null(session_identity_differs(&a, &b));
	rows[_i].change(&b);
	differs = session_identity_differs(&a, &b);
	session_identity_digest(&a, x);
	session_identity_digest(&b, y);
	if (rows[_i].field == NULL) {
		ck_assert_ptr_null(differs);
		ck_assert_mem_eq(x, y, sizeof(x));
	} else {
		ck_assert_str_eq(differs, rows[_i].field);
		ck_assert_mem_ne(x, y, sizeof(x));
	}
}
END_TEST

/* --- what may be resumed --- */

static void digest_of(uint64_t context, unsigned char out[SESSION_IDENTITY_DIGEST])
{
	struct session_identity id = usual();

	id.context = context;
	session_identity_digest(&id, out);
}

START_TEST(one_session_for_each_identity)
{
	struct resume_table *t = resume_table_new();
	unsigned char one[SESSION_IDENTITY_DIGEST], two[SESSION_IDENTITY_DIGEST];
	SSL_SESSION *a = SSL_SESSION_new(), *b = SSL_SESSION_new(), *c = SSL_SESSION_new();

	digest_of(1, one);
	digest_of(2, two);
	ck_assert_ptr_null(resume_get(t, one));
	resume_put(t, one, a, false);
	resume_put(t, one, NULL, false);
	ck_assert_ptr_eq(resume_get(t, one), a);
	ck_assert_ptr_null(resume_get(t, two));
	resume_put(t, one, b, true);
	ck_assert_ptr_eq(resume_get(t, one), b);
	/* it came of one that is gone: how old the proof is nobody knows */
	resume_drop(t, one);
	resume_put(t, one, c, true);
	ck_assert_ptr_null(resume_get(t, one));
	resume_table_free(&t);
}
END_TEST

START_TEST(the_oldest_makes_room)
{
	struct resume_table *t = resume_table_new();
	unsigned char digest[SESSION_IDENTITY_DIGEST];
	uint64_t i;

	for (i = 0; i <= RESUME_MAX; i++) {
		digest_of(i, digest);
		resume_put(t, digest, SSL_SESSION_new(), false);
	}
	digest_of(0, digest);
	ck_assert_ptr_null(resume_get(t, digest));
	digest_of(1, digest);
	ck_assert_ptr_nonnull(resume_get(t, digest));
	resume_table_free(&t);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("identity");

	tcase_add_loop_test(tc, each_field_keeps_apart, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, one_session_for_each_identity);
	tcase_add_test(tc, the_oldest_makes_room);
	return unit_run("session identity", &tc, 1);
}
