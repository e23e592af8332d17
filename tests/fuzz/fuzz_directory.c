/* fuzz_directory.c - fuzz target for what libhub/directory reads: LDIF files and a server's
 * answers.
 *
 * The first byte of the input is a letter that chooses what is tried:
 *	l  an LDIF file; what was read is written and read again, and must be the same
 *	s  the value of a sync state control		i  the value of a sync info message
 *	d  the value of a sync done control
 *	m  the bytes a server sends as answers to one search (message id 1)
 */
#include <ldap.h>
#include <openldap.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libhub/base/err.h"
#include "libhub/base/mem.h"
#include "libhub/directory/connection.h"
#include "libhub/directory/draft.h"
#include "libhub/directory/ldif.h"
#include "libhub/directory/sync.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Given nonsense libldap loses the text of a notice, or the one request that is answered: a few
 * bytes of a connection that ends by it, and not ours to mend.
 */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

enum { INPUT_MAX = 1 << 16, ENTRIES_MAX = 1 << 15, ANSWERS_MAX = 1 << 12 };

struct list {
	struct arena *arena;
	const struct entry *entry[ENTRIES_MAX];
	size_t n;
};

/* What every reader of entries relies on. */
static void check_entry(const struct entry *e)
{
	size_t i, k;

	BUG_ON(e->dn == NULL);
	for (i = 0; i < e->n; i++) {
		BUG_ON(e->attrs[i].name[0] == '\0' || strlen(e->attrs[i].name) > DRAFT_NAME_MAX);
		BUG_ON(e->attrs[i].n == 0);
		for (k = 0; k < e->attrs[i].n; k++)
			BUG_ON(e->attrs[i].values[k].data[e->attrs[i].values[k].size] != '\0');
	}
}

static void take(const struct entry *e, void *ctx)
{
	struct list *l = ctx;

	check_entry(e);
	if (l->n < ENTRIES_MAX)
		l->entry[l->n++] = entry_copy(l->arena, e);
}

static void check_same(const struct entry *a, const struct entry *b)
{
	size_t i, k;

	BUG_ON(strcmp(a->dn, b->dn) != 0 || a->n != b->n || a->has_uuid != b->has_uuid);
	BUG_ON(a->has_uuid && memcmp(a->uuid, b->uuid, sizeof(a->uuid)) != 0);
	for (i = 0; i < a->n; i++) {
		BUG_ON(strcmp(a->attrs[i].name, b->attrs[i].name) != 0);
		BUG_ON(a->attrs[i].n != b->attrs[i].n);
		for (k = 0; k < a->attrs[i].n; k++) {
			BUG_ON(a->attrs[i].values[k].size != b->attrs[i].values[k].size);
			BUG_ON(memcmp(a->attrs[i].values[k].data, b->attrs[i].values[k].data,
				a->attrs[i].values[k].size) != 0);
		}
	}
}

static void write_and_read(const struct list *l)
{
	struct list *back = xcalloc(1, sizeof(*back));
	char *path = xasprintf("/dev/shm/fuzz-directory.%d", (int)getpid());
	struct ldif_writer *w;
	struct err e = { 0 };
	size_t i;

	back->arena = arena_new();
	w = ldif_writer_open(path, &e);
	BUG_ON(w == NULL);
	for (i = 0; i < l->n; i++)
		ldif_write(w, l->entry[i], i % 2 == 0 ? "a\ncomment" : NULL);
	BUG_ON(ldif_writer_commit(&w, &e) != 0);
	BUG_ON(ldif_read(path, take, back, &e) != 0);
	BUG_ON(back->n != l->n);
	for (i = 0; i < l->n; i++)
		check_same(l->entry[i], back->entry[i]);
	unlink(path);
	free(path);
	arena_free(&back->arena);
	free(back);
}

static void try_ldif(const void *p, size_t n)
{
	struct list *l = xcalloc(1, sizeof(*l));
	int fd = memfd_create("ldif", MFD_CLOEXEC);
	char path[40];
	struct err e = { 0 };

	l->arena = arena_new();
	BUG_ON(fd < 0 || write(fd, p, n) != (ssize_t)n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (ldif_read(path, take, l, &e) != 0)
		BUG_ON(e.text[0] == '\0');
	else
		write_and_read(l);
	close(fd);
	arena_free(&l->arena);
	free(l);
}

static const char sample[] = "rid=000,csn=20261121211335.123456Z#000000#001#000000";

static void check_cookie(const struct cookie *c)
{
	struct cookie merged = { .size = 0 };

	BUG_ON(c->size > COOKIE_MAX);
	cookie_set(&merged, sample, strlen(sample));
	cookie_merge(&merged, c);
	cookie_merge(&merged, c);
	BUG_ON(merged.size > COOKIE_MAX);
}

static void check_state(const struct sync_entry *entry)
{
	BUG_ON(entry->state > SYNC_DELETE);
	check_cookie(&entry->cookie);
}

static void check_info(const struct sync_info *info)
{
	const struct berval *id;

	check_cookie(&info->cookie);
	for (id = info->uuids; id != NULL && id->bv_val != NULL; id++)
		BUG_ON(id->bv_len != 16);
}

static void try_values(uint8_t kind, const void *p, size_t n)
{
	/* the decoder must not write: it gets a copy, of the exact size */
	void *copy = xmemdup(p, n);
	struct berval value = { n, copy };
	struct sync_info info = { 0 };
	struct sync_entry entry;
	struct cookie cookie;

	if (kind == 's') {
		if (sync_state_decode(&value, &entry) == 0)
			check_state(&entry);
	} else if (kind == 'd') {
		if (sync_done_decode(&value, &cookie) == 0)
			check_cookie(&cookie);
	} else {
		if (sync_info_decode(&value, &info) == 0)
			check_info(&info);
		sync_info_clear(&info);
	}
	free(copy);
}

static void try_answer(LDAP *ld, LDAPMessage *m)
{
	struct arena *a = arena_new();
	struct sync_info info;
	struct sync_entry entry;
	struct cookie cookie;
	struct draft d;
	struct err e = { 0 };
	char text[100];

	draft_init(&d, a);
	switch (ldap_msgtype(m)) {
	case LDAP_RES_SEARCH_ENTRY:
		if (directory_entry(ld, m, &d, &e) == 0)
			check_entry(draft_entry(&d));
		if (sync_entry_state(ld, m, &entry, &e) == 0)
			check_state(&entry);
		break;
	case LDAP_RES_INTERMEDIATE:
		if (sync_info_parse(ld, m, &info, &e) == 0)
			check_info(&info);
		sync_info_clear(&info);
		break;
	default:
		directory_result(ld, m, text, sizeof(text));
		if (sync_done_cookie(ld, m, &cookie, &e) == 0)
			check_cookie(&cookie);
		break;
	}
	arena_free(&a);
}

static void expect_answers(LDAP *ld)
{
	int id;

	if (__lsan_disable != NULL)
		__lsan_disable();
	BUG_ON(ldap_search_ext(ld, "", LDAP_SCOPE_BASE, "(a=*)", NULL, 0, NULL, NULL, NULL, 0, &id)
		!= LDAP_SUCCESS);
	if (__lsan_enable != NULL)
		__lsan_enable();
}

static int next_answer(LDAP *ld, LDAPMessage **m)
{
	struct timeval zero = { 0, 0 };
	int rc;

	if (__lsan_disable != NULL)
		__lsan_disable();
	rc = ldap_result(ld, LDAP_RES_ANY, LDAP_MSG_ONE, &zero, m);
	if (__lsan_enable != NULL)
		__lsan_enable();
	return rc;
}

static void try_messages(const void *p, size_t n)
{
	static const int version = LDAP_VERSION3;
	ber_len_t max = INPUT_MAX;	/* hubd bounds what a server may announce, too */
	LDAPMessage *m = NULL;
	Sockbuf *sb = NULL;
	int fds[2], left;
	LDAP *ld = NULL;

	BUG_ON(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0);
	BUG_ON(ldap_init_fd(fds[0], LDAP_PROTO_TCP, "ldap://fuzz", &ld) != LDAP_SUCCESS);
	ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	ldap_get_option(ld, LDAP_OPT_SOCKBUF, &sb);
	ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &max);
	expect_answers(ld);
	BUG_ON(send(fds[1], p, n, 0) != (ssize_t)n || shutdown(fds[1], SHUT_WR) != 0);
	for (left = ANSWERS_MAX; left > 0; left--) {
		if (next_answer(ld, &m) <= 0)
			break;
		try_answer(ld, m);
		ldap_msgfree(m);
	}
	ldap_unbind_ext(ld, NULL, NULL);
	close(fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > INPUT_MAX)
		return 0;
	switch (data[0]) {
	case 'l':
		try_ldif(data + 1, size - 1);
		break;
	case 's':
	case 'd':
	case 'i':
		try_values(data[0], data + 1, size - 1);
		break;
	case 'm':
		try_messages(data + 1, size - 1);
		break;
	}
	return 0;
}
