/*
 * edge_subscription_new.c - on the edge: makes the subscription file.
 *
 * The tree is emptied of what the organization will push, markers say that this is all there is, a
 * bootstrap account with a one-time password is made, and hubSubscribed is set. The file is
 * complete on the disk before anything is written to the directory, and gets its name last; when
 * something fails, what was written is taken back.
 */
#include "tools/edge_subscription.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "libhub/base/clock.h"
#include "libhub/directory/generalized_time.h"
#include "libhub/edge/credential.h"
#include "libhub/edge/subscription_file.h"
#include "libhub/org/attr.h"
#include "libhub/org/edge_layout.h"
#include "libhub/org/replica_marker.h"
#include "libhub/tls/pin.h"
#include "tools/edge_tree.h"
#include "tools/object.h"
#include "tools/presented.h"
#include "tools/private_file.h"
#include "tools/table.h"

enum { VALID_FOR_MIN = 1440, VALID_FOR_MAX_MIN = 525600, DIRECTORY_PORT = 636 };

struct making {
	struct ctl *ctl;
	struct org *org;
	const struct args *args;
	const struct entry *self;
	struct subscription_file file;
	uint64_t port;			/* of the directory */
	struct change_list list;
	size_t objects;			/* that go */
};

static struct arena *arena_of(const struct making *m)
{
	return m->ctl->arena;
}

/* --- what the file says --- */

static void take_texts(struct making *m, const char *name, struct strings *out)
{
	const struct entry_attr *attr = entry_attr(m->self, name);
	const char **v;
	size_t i;

	if (attr == NULL)
		return;
	v = arena_alloc(arena_of(m), attr->n * sizeof(*v));
	for (i = 0; i < attr->n; i++)
		v[i] = (const char *)attr->values[i].data;
	*out = (struct strings){ v, attr->n };
}

static void take_blobs(struct making *m, const char *name, struct blobs *out)
{
	const struct entry_attr *attr = entry_attr(m->self, name);

	if (attr != NULL)
		*out = (struct blobs){ attr->values, attr->n };
}

/* Of an LDAP URI "ldaps://host:port/"; 0 if it names no port. */
static uint64_t port_of(const char *uri)
{
	LDAPURLDesc *url = NULL;
	uint64_t port = 0;

	if (ldap_url_parse(uri, &url) == LDAP_SUCCESS && url->lud_port > 0)
		port = (uint64_t)url->lud_port;
	ldap_free_urldesc(url);
	return port;
}

static bool is_ldaps(const char *uri)
{
	return uri != NULL && strncasecmp(uri, "ldaps://", 8) == 0;
}

static int choose_port(struct making *m, struct err *e)
{
	m->port = is_ldaps(m->ctl->directory) ? port_of(m->ctl->directory) : 0;
	if (m->port == 0)
		m->port = DIRECTORY_PORT;
	return args_number(m->args, "port", 1, 65535, &m->port, e);
}

/* "ldaps://ADDRESS:PORT" of an endpoint in hubAddress. */
static const char *uri_of(struct making *m, const char *text)
{
	struct endpoint endpoint;
	char host[INET6_ADDRSTRLEN];
	const void *address;
	struct err ignored;
	bool six;

	if (value_endpoint(arena_of(m), text, false, &endpoint, &ignored) != 0)
		return NULL;
	six = endpoint.addr.ss_family == AF_INET6;
	address = six ?
		(const void *)&((struct sockaddr_in6 *)(void *)&endpoint.addr)->sin6_addr :
		(const void *)&((struct sockaddr_in *)(void *)&endpoint.addr)->sin_addr;
	if (inet_ntop(endpoint.addr.ss_family, address, host, sizeof(host)) == NULL)
		return NULL;
	return arena_printf(arena_of(m), six ? "ldaps://[%s]:%u" : "ldaps://%s:%u", host,
		(unsigned int)m->port);
}

/* The one that the directory shows on its ldaps port: on this host, wherever it listens. */
static int look_at_directory(struct making *m, struct blob *der, struct err *e)
{
	const char *uri;
	struct err ignored;
	size_t i;

	if (is_ldaps(m->ctl->directory))
		return presented_certificate(m->ctl, m->ctl->directory, der, e);
	for (i = 0; i < m->file.addresses.n; i++) {
		uri = uri_of(m, m->file.addresses.v[i]);
		if (uri != NULL && presented_certificate(m->ctl, uri, der, &ignored) == 0)
			return 0;
	}
	if (presented_certificate(m->ctl, uri_of(m, "127.0.0.1"), der, &ignored) == 0 ||
		presented_certificate(m->ctl, uri_of(m, "[::1]"), der, &ignored) == 0)
		return 0;
	return err_set(e, ERR_CONFIG, 0, "this host's directory shows no certificate on port %u: "
		"does it listen with ldaps://? Give --port PORT or --certificate FILE",
		(unsigned int)m->port);
}

static int take_certificates(struct making *m, struct err *e)
{
	const struct attr_def *def = obj_class_attr(&edge_subscription_class,
		"hubDirectoryCertificate");
	struct change_attr *attr = arena_alloc(arena_of(m), sizeof(*attr));
	struct blob *shown;
	char pin[TLS_PIN_SIZE];
	size_t i;

	for (i = 0; i < m->args->n; i++)
		if (strcmp(m->args->v[i].name, "certificate") == 0 &&
			object_put_values(m->org, def, attr, m->args->v[i].value, e) != 0)
			return -1;
	if (attr->n == 0) {
		shown = arena_alloc(arena_of(m), sizeof(*shown));
		if (look_at_directory(m, shown, e) != 0)
			return -1;
		attr->values[attr->n++] = *shown;
	}
	for (i = 0; i < attr->n; i++)
		if (tls_pin_of_der(attr->values[i].data, attr->values[i].size, pin, e) != 0)
			return -1;
	m->file.directory_certificates = (struct blobs){ attr->values, attr->n };
	return 0;
}

static const char *random_name(struct arena *a)
{
	unsigned char bytes[8];

	BUG_ON(RAND_bytes(bytes, sizeof(bytes)) != 1);
	return arena_printf(a, "bootstrap.%02x%02x%02x%02x%02x%02x%02x%02x", bytes[0], bytes[1],
		bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]);
}

static int describe(struct making *m, struct err *e)
{
	struct subscription_file *file = &m->file;
	uint64_t minutes = VALID_FOR_MIN;
	char *password;

	if (args_number(m->args, "valid-for", 1, VALID_FOR_MAX_MIN, &minutes, e) != 0)
		return -1;
	m->self = edge_tree_self(m->org, m->ctl->server != NULL ? m->ctl->server :
		m->ctl->local_server, e);
	if (m->self == NULL)
		return -1;
	file->edge = org_entry_value(m->self, "cn");
	file->fqdn = org_entry_value(m->self, "hubFQDN");
	if (file->fqdn == NULL)
		return err_set(e, ERR_CONFIG, 0, "server %s has no hubFQDN by which it is known: "
			"hubctl server set %s --fqdn FQDN", file->edge, file->edge);
	take_texts(m, "hubAddress", &file->addresses);
	take_texts(m, "hubKeyDigest", &file->key_digests);
	take_blobs(m, "hubCertificate", &file->certificates);
	if (choose_port(m, e) != 0 || take_certificates(m, e) != 0)
		return -1;
	/* hubd there shows the same, as far as anybody knows */
	if (file->certificates.n + file->key_digests.n == 0) {
		file->certificates = file->directory_certificates;
		ctl_warn("warning: server %s has no hubCertificate: hubs expect the directory's "
			"certificate of its hubd, too; if it shows another: hubctl server set %s "
			"--add-certificate FILE, and make the file after that", file->edge,
			file->edge);
	}
	file->port = (uint16_t)m->port;
	file->from_s = clock_wall_s();
	file->to_s = file->from_s + (int64_t)minutes * 60;
	file->account = arena_printf(arena_of(m), "cn=%s,%s,%s", random_name(arena_of(m)),
		EDGE_ACCOUNTS_DN, m->org->base);
	password = arena_alloc(arena_of(m), CREDENTIAL_PASSWORD_MADE);
	credential_make_password(password);
	file->password = password;
	return 0;
}

/* --- what changes in the directory --- */

static const char *time_text(struct making *m, int64_t at_s)
{
	char *text = arena_alloc(arena_of(m), GENERALIZED_TIME_TEXT);

	generalized_time_format(at_s, text);
	return text;
}

static void add_account(struct making *m)
{
	const char *cn = arena_strndup(arena_of(m), m->file.account + strlen("cn="),
		strcspn(m->file.account, ",") - strlen("cn="));
	char *hash = arena_alloc(arena_of(m), CREDENTIAL_HASH_TEXT);
	struct change *c;

	c = change_new(m->ctl, CHANGE_ADD, m->file.account, &sync_account_class, cn);
	credential_hash_password(m->file.password, hash);
	change_put(m->ctl, c, "userPassword", hash);
	change_put(m->ctl, c, "hubValidFrom", time_text(m, m->file.from_s));
	change_put(m->ctl, c, "hubValidTo", time_text(m, m->file.to_s));
	/* slapo-ppolicy refuses it from then on */
	change_put(m->ctl, c, "pwdEndTime", time_text(m, m->file.to_s));
	change_list_add(&m->list, c);
}

/* The markers that fit the tree as it will be: the organization's entry without any attribute. */
static void digest_of_nothing(struct making *m, enum replica_data which,
	char out[REPLICA_DIGEST_TEXT])
{
	static unsigned char empty[BUCKETS][BUCKET_DIGEST];
	struct replica_digest *d;
	unsigned char digest[REPLICA_DIGEST_SIZE];
	struct entry root = { .dn = m->org->base };
	size_t i;

	if (which == REPLICA_RECIPIENTS) {
		for (i = 0; i < BUCKETS; i++)
			bucket_digest(NULL, 0, empty[i]);
		buckets_digest((const unsigned char (*)[BUCKET_DIGEST])empty, out);
		return;
	}
	d = replica_digest_new();
	replica_digest_entry("", &root, digest);
	replica_digest_add(d, digest);
	replica_digest_finish(&d, out);
}

static void add_marker(struct making *m, enum replica_data which)
{
	struct replica_marker marker = { .time_s = m->file.from_s };
	const struct entry *entry;
	struct change *c;
	size_t i, j;

	digest_of_nothing(m, which, marker.digest);
	entry = replica_marker_entry(arena_of(m), which, m->org->base, &marker);
	c = change_new(m->ctl, CHANGE_MODIFY, entry->dn, &push_marker_class, NULL);
	c->kind = CHANGE_ADD;
	for (i = 0; i < entry->n; i++)
		for (j = 0; j < entry->attrs[i].n; j++)
			change_put(m->ctl, c, entry->attrs[i].name,
				(const char *)entry->attrs[i].values[j].data);
	change_list_add(&m->list, c);
}

static void plan(struct making *m)
{
	size_t objects;

	edge_tree_add_accounts_gone(m->org, &m->list);
	add_account(m);
	edge_tree_add_clearing(m->org, &m->list, &objects);
	edge_tree_add_markers_gone(m->org, &m->list);
	add_marker(m, REPLICA_CONFIGURATION);
	add_marker(m, REPLICA_RECIPIENTS);
	change_list_add(&m->list, edge_tree_state(m->org, true));
}

/* --- the command --- */

static bool is_confirmed(struct making *m)
{
	struct change_list seen = { 0 };
	char answer[16];

	edge_tree_add_clearing(m->org, &seen, &m->objects);

	if (m->objects == 0 || m->ctl->force || m->ctl->what_if)
		return true;
	if (!isatty(STDIN_FILENO)) {
		ctl_fail("this would remove %zu of the edge's own connectors, domains, sites "
			"and other servers (--what-if shows them): --force if that is right",
			m->objects);
		return false;
	}
	fprintf(stderr, "This removes %zu of the edge's own Send connectors, accepted and remote "
		"domains, sites and other\nservers; the organization's take their place. Go on? "
		"[y/N] ", m->objects);
	if (fgets(answer, sizeof(answer), stdin) != NULL && (*answer == 'y' || *answer == 'Y'))
		return true;
	ctl_fail("nothing is changed");
	return false;
}

static void say_done(const struct making *m, const char *path)
{
	char pin[TLS_PIN_SIZE], until[GENERALIZED_TIME_TEXT];
	struct err ignored;
	json_t *o;

	generalized_time_format(m->file.to_s, until);
	if (m->ctl->output != CTL_JSON) {
		printf("%s: subscribes %s until %s; it holds a password, keep it secret.\n"
			"Take it to the organization: hubctl edge-subscription import FILE --site "
			"SITE\n", path, m->file.edge, until);
		return;
	}
	BUG_ON(tls_pin_of_der(m->file.directory_certificates.v[0].data,
		m->file.directory_certificates.v[0].size, pin, &ignored) != 0);
	o = json_pack("{s:o, s:o, s:o, s:I, s:s, s:o, s:s, s:I}", "file", table_string(path),
		"name", table_string(m->file.edge), "fqdn", table_string(m->file.fqdn),
		"directory-port", (json_int_t)m->port, "key-digest", pin,
		"account", table_string(m->file.account), "valid-to", until, "removed",
		(json_int_t)m->objects);
	table_print_json(o);
	json_decref(o);
}

/* Nobody's impatience leaves half of it. */
static void hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static enum ctl_status write_all(struct making *m, struct private_file *out)
{
	enum ctl_status status;
	struct err e;

	status = object_apply(m->org, m->list.first);
	if (status != CTL_DONE || m->ctl->what_if)
		return status;
	if (private_file_publish(out, m->ctl->force, &e) == 0)
		return CTL_DONE;
	change_take_back(m->org, m->list.first);
	return ctl_fail("%s", e.text);
}

/* Ends what an earlier one has begun. */
static enum ctl_status start_over(struct making *m)
{
	size_t objects;

	if (m->ctl->what_if || (!edge_tree_is_subscribed(m->org) &&
		!edge_tree_has_markers(m->org)))
		return CTL_DONE;
	return edge_subscription_clear(m->ctl, m->org, &objects);
}

static int write_file(struct making *m, struct private_file *out, struct err *e)
{
	if (m->ctl->what_if)
		return 0;
	hold_signals();
	if (private_file_make(out, e) == 0 &&
	    subscription_file_write(out->fd, out->temporary, &m->file, e) == 0)
		return 0;
	private_file_drop(out);
	return -1;
}

static enum ctl_status make(struct making *m, const char *path)
{
	struct private_file out;
	enum ctl_status status;
	struct err e;

	if (!edge_tree_is(m->org))
		return ctl_fail("this is no edge's own directory (ldap-schema/new-directory --edge "
			"makes one): the file is made there");
	if (edge_tree_is_subscribed(m->org) && !m->ctl->force)
		return ctl_fail("this edge is subscribed: hubctl edge-subscription remove ends "
			"that, --force does so and begins anew");
	if (private_file_name(m->ctl, &out, path, m->ctl->force, &e) != 0 || describe(m, &e) != 0)
		return ctl_fail("%s", e.text);
	if (!is_confirmed(m))
		return CTL_FAILED;
	if (write_file(m, &out, &e) != 0)
		return ctl_fail("%s", e.text);
	status = start_over(m);
	if (status == CTL_DONE) {
		plan(m);
		status = write_all(m, &out);
	}
	private_file_drop(&out);
	if (status == CTL_DONE && !m->ctl->what_if)
		say_done(m, path);
	return status;
}

enum ctl_status edge_subscription_new(struct ctl *ctl, const struct args *args)
{
	const char *path = args_value(args, "file");
	struct org org;
	struct making m = { .ctl = ctl, .org = &org, .args = args };
	enum ctl_status status;
	struct err e;

	if (path == NULL)
		return ctl_usage("edge-subscription new needs --file FILE");
	if (org_open(ctl, &org, &e) != 0)
		status = ctl_fail("%s", e.text);
	else
		status = make(&m, path);
	org_close(&org);
	return status;
}
