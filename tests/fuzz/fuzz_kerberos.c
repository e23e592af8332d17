/* fuzz_kerberos.c - see fuzz_kerberos.h. Tickets are RFC 4120 section 5.3 in DER, written from the
 * end, so that each length is known when its turn comes.
 */
#include "fuzz_kerberos.h"

#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hubd/login/gssapi.h"
#include "libhub/base/mem.h"

enum {
	ENCTYPE = ENCTYPE_AES256_CTS_HMAC_SHA1_96,
	KEY_SIZE = 32,
	KEY_VERSION = 1,
	USAGE_TICKET = 2,	/* RFC 4120 section 7.5.1 */
	COMPONENTS_MAX = 8,
	DER_SIZE = 4096,
};

/* DER: tags of ASN.1, and [n] of a structure. */
enum { INTEGER = 2, BITS = 3, OCTETS = 4, TIME = 24, TEXT = 27, SEQUENCE = 0x30 };
#define CONTEXT(n) (0xa0 + (n))
#define APPLICATION(n) (0x60 + (n))

struct der {
	unsigned char bytes[DER_SIZE];
	size_t at;		/* where what has been written begins */
};

struct kerberos_client {
	krb5_data parts[COMPONENTS_MAX];
	struct krb5_principal_data name;
	krb5_ccache cache;
	gss_cred_id_t credential;
	gss_ctx_id_t context;
	bool established;
};

static struct {
	krb5_context library;
	krb5_principal service;
	gss_name_t target;
	char folder[40], keytab[50];
	unsigned char service_key[KEY_SIZE], session_key[KEY_SIZE];
} realm;

/* --- the realm --- */

static krb5_keyblock keyblock(unsigned char *key)
{
	return (krb5_keyblock){ .magic = KV5M_KEYBLOCK, .enctype = ENCTYPE, .length = KEY_SIZE,
		.contents = key };
}

static void keytab_write(void)
{
	char name[70];
	krb5_keytab keytab;
	krb5_keytab_entry entry = { .magic = KV5M_KEYTAB_ENTRY, .principal = realm.service,
		.vno = KEY_VERSION, .key = keyblock(realm.service_key) };

	snprintf(name, sizeof(name), "WRFILE:%s", realm.keytab);
	BUG_ON(krb5_kt_resolve(realm.library, name, &keytab) != 0);
	BUG_ON(krb5_kt_add_entry(realm.library, keytab, &entry) != 0);
	krb5_kt_close(realm.library, keytab);
}

static void target_make(void)
{
	static char text[] = "smtp/" KERBEROS_HOST "@" KERBEROS_REALM;
	gss_buffer_desc name = { sizeof(text) - 1, text };
	OM_uint32 minor;

	BUG_ON(gss_import_name(&minor, &name, GSS_KRB5_NT_PRINCIPAL_NAME, &realm.target) !=
		GSS_S_COMPLETE);
	BUG_ON(krb5_parse_name(realm.library, text, &realm.service) != 0);
}

static void realm_end(void)
{
	char config[60];
	OM_uint32 minor;

	snprintf(config, sizeof(config), "%s/krb5.conf", realm.folder);
	unlink(config);
	unlink(realm.keytab);
	rmdir(realm.folder);
	(void)gss_release_name(&minor, &realm.target);
	krb5_free_principal(realm.library, realm.service);
	krb5_free_context(realm.library);
}

static void realm_begin(void)
{
	struct err e;

	snprintf(realm.folder, sizeof(realm.folder), "%s/hub-fuzz-login.XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	BUG_ON(mkdtemp(realm.folder) == NULL);
	snprintf(realm.keytab, sizeof(realm.keytab), "%s/keytab", realm.folder);
	/* nothing of this machine; the same ticket is used many times a second */
	setenv("KRB5_CONFIG", "/dev/null", 1);
	setenv("KRB5RCACHENAME", "none:", 1);
	BUG_ON(gssapi_prepare(realm.keytab, realm.folder, &e) != 0);
	memset(realm.service_key, 3, KEY_SIZE);
	memset(realm.session_key, 7, KEY_SIZE);
	BUG_ON(krb5_init_context(&realm.library) != 0);
	target_make();
	keytab_write();
	atexit(realm_end);
}

const char *kerberos_keytab(void)
{
	if (realm.library == NULL)
		realm_begin();
	return realm.keytab;
}

/* --- tickets --- */

static void put(struct der *d, const void *p, size_t n)
{
	BUG_ON(n > d->at);
	d->at -= n;
	memcpy(d->bytes + d->at, p, n);
}

/* What has been written since end was the beginning becomes one element. */
static void enclose(struct der *d, unsigned int tag, size_t end)
{
	size_t n = end - d->at;
	unsigned char head[4] = { (unsigned char)tag, 0x82, (unsigned char)(n >> 8),
		(unsigned char)n };

	put(d, head, sizeof(head));
}

static void put_element(struct der *d, unsigned int context, unsigned int tag, const void *p,
	size_t n)
{
	size_t end = d->at;

	put(d, p, n);
	enclose(d, tag, end);
	enclose(d, CONTEXT(context), end);
}

static void put_number(struct der *d, unsigned int context, unsigned char n)
{
	put_element(d, context, INTEGER, &n, 1);
}

static void put_time(struct der *d, unsigned int context, const char *text)
{
	put_element(d, context, TIME, text, strlen(text));
}

static void put_principal(struct der *d, unsigned int context, const struct krb5_principal_data *p)
{
	size_t end = d->at, i, one;

	for (i = (size_t)p->length; i-- > 0;) {
		one = d->at;
		put(d, p->data[i].data, p->data[i].length);
		enclose(d, TEXT, one);
	}
	enclose(d, SEQUENCE, end);
	enclose(d, CONTEXT(1), end);
	put_number(d, 0, 1);
	enclose(d, SEQUENCE, end);
	enclose(d, CONTEXT(context), end);
}

/* EncryptionKey or EncryptedData: a number, then bytes (with the key's version between). */
static void put_secret(struct der *d, unsigned int context, const void *p, size_t n, bool versioned)
{
	size_t end = d->at;

	put_element(d, versioned ? 2 : 1, OCTETS, p, n);
	if (versioned)
		put_number(d, 1, KEY_VERSION);
	put_number(d, 0, ENCTYPE);
	enclose(d, SEQUENCE, end);
	enclose(d, CONTEXT(context), end);
}

/* EncTicketPart; where a client of another realm came through has been looked at already. */
static void put_private(struct der *d, const struct krb5_principal_data *name)
{
	static const unsigned char flags[] = { 0, 0, 8, 0, 0 };
	size_t end = d->at, transited;

	put_time(d, 7, "20370101000000Z");
	put_time(d, 5, "20200101000000Z");
	transited = d->at;
	put_element(d, 1, OCTETS, "", 0);
	put_number(d, 0, 1);
	enclose(d, SEQUENCE, transited);
	enclose(d, CONTEXT(4), transited);
	put_principal(d, 3, name);
	put_element(d, 2, TEXT, name->realm.data, name->realm.length);
	put_secret(d, 1, realm.session_key, KEY_SIZE, false);
	put_element(d, 0, BITS, flags, sizeof(flags));
	enclose(d, SEQUENCE, end);
	enclose(d, APPLICATION(3), end);
}

static void put_ticket(struct der *d, const krb5_data *sealed)
{
	size_t end = d->at;

	put_secret(d, 3, sealed->data, sealed->length, true);
	put_principal(d, 2, realm.service);
	put_element(d, 1, TEXT, KERBEROS_REALM, sizeof(KERBEROS_REALM) - 1);
	put_number(d, 0, 5);
	enclose(d, SEQUENCE, end);
	enclose(d, APPLICATION(1), end);
}

static void ticket_make(struct der *out, const struct krb5_principal_data *name)
{
	static char sealed[DER_SIZE];
	static struct der part;
	krb5_keyblock key = keyblock(realm.service_key);
	krb5_enc_data to = { .magic = KV5M_ENC_DATA, .enctype = ENCTYPE, .kvno = KEY_VERSION,
		.ciphertext = { .length = sizeof(sealed), .data = sealed } };
	krb5_data from;

	part.at = out->at = DER_SIZE;
	put_private(&part, name);
	from = (krb5_data){ .length = (unsigned int)(DER_SIZE - part.at),
		.data = (char *)part.bytes + part.at };
	BUG_ON(krb5_c_encrypt(realm.library, &key, USAGE_TICKET, NULL, &from, &to) != 0);
	put_ticket(out, &to.ciphertext);
}

/* --- clients --- */

static krb5_data data_of(const char *p, size_t n)
{
	return (krb5_data){ .magic = KV5M_DATA, .length = (unsigned int)n, .data = (char *)p };
}

/* The name's bytes are the caller's. */
static void name_make(struct kerberos_client *c, const char *p, size_t n)
{
	const char *at = memrchr(p, '@', n), *end, *slash;

	c->name = (struct krb5_principal_data){ .magic = KV5M_PRINCIPAL, .data = c->parts,
		.type = KRB5_NT_PRINCIPAL };
	c->name.realm = at != NULL ? data_of(at + 1, (size_t)(p + n - at - 1)) :
		data_of(KERBEROS_REALM, sizeof(KERBEROS_REALM) - 1);
	end = at != NULL ? at : p + n;
	do {
		slash = c->name.length + 1 < COMPONENTS_MAX ?
			memchr(p, '/', (size_t)(end - p)) : NULL;
		c->parts[c->name.length++] = data_of(p,
			(size_t)((slash != NULL ? slash : end) - p));
		p = slash != NULL ? slash + 1 : end;
	} while (slash != NULL);
}

static void cache_make(struct kerberos_client *c)
{
	static struct der ticket;
	krb5_creds creds = { .magic = KV5M_CREDS, .client = &c->name, .server = realm.service,
		.keyblock = keyblock(realm.session_key), .times = { .authtime = 1577836800,
		.endtime = 2114380800 } };

	ticket_make(&ticket, &c->name);
	creds.ticket = data_of((const char *)ticket.bytes + ticket.at, DER_SIZE - ticket.at);
	BUG_ON(krb5_cc_new_unique(realm.library, "MEMORY", NULL, &c->cache) != 0);
	BUG_ON(krb5_cc_initialize(realm.library, c->cache, &c->name) != 0);
	BUG_ON(krb5_cc_store_cred(realm.library, c->cache, &creds) != 0);
}

struct kerberos_client *kerberos_client_new(const char *name, size_t n)
{
	struct kerberos_client *c = xcalloc(1, sizeof(*c));
	OM_uint32 minor;

	(void)kerberos_keytab();
	BUG_ON(n > KERBEROS_NAME_MAX);
	name_make(c, name, n);
	cache_make(c);
	if (gss_krb5_import_cred(&minor, c->cache, NULL, NULL, &c->credential) != GSS_S_COMPLETE)
		c->credential = GSS_C_NO_CREDENTIAL;
	return c;
}

void kerberos_client_free(struct kerberos_client **cp)
{
	struct kerberos_client *c = *cp;
	OM_uint32 minor;

	(void)gss_delete_sec_context(&minor, &c->context, GSS_C_NO_BUFFER);
	(void)gss_release_cred(&minor, &c->credential);
	krb5_cc_destroy(realm.library, c->cache);
	free(c);
	*cp = NULL;
}

static void take(struct login_bytes *out, gss_buffer_t from)
{
	OM_uint32 minor;

	login_bytes_set(out, from->value != NULL ? from->value : "", from->length);
	(void)gss_release_buffer(&minor, from);
}

void kerberos_client_answer(struct kerberos_client *c, const struct login_bytes *challenge,
	struct login_bytes *out)
{
	static const char no_layer[] = { 1, 0, 0, 0 };
	gss_buffer_desc in = { challenge != NULL ? challenge->size : 0,
		challenge != NULL ? challenge->data : NULL }, token = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor;

	if (c->established) {
		kerberos_client_wrap(c, no_layer, sizeof(no_layer), false, out);
		return;
	}
	if (c->credential != GSS_C_NO_CREDENTIAL) {
		major = gss_init_sec_context(&minor, c->credential, &c->context, realm.target,
			(gss_OID)gss_mech_krb5, GSS_C_MUTUAL_FLAG | GSS_C_SEQUENCE_FLAG |
			GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS, &in, NULL,
			&token, NULL, NULL);
		c->established = major == GSS_S_COMPLETE;
	}
	take(out, &token);
}

void kerberos_client_wrap(struct kerberos_client *c, const char *p, size_t n, bool sealed,
	struct login_bytes *out)
{
	gss_buffer_desc in = { n, (void *)p }, token = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor;

	if (c->established)
		(void)gss_wrap(&minor, c->context, sealed, GSS_C_QOP_DEFAULT, &in, NULL, &token);
	take(out, &token);
}
