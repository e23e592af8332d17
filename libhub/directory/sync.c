/* sync.c - see sync.h */
#include "libhub/directory/sync.h"

#include <string.h>

enum { UUID_SIZE = 16 };

static LDAPControl *request_new(ber_int_t mode, const struct cookie *cookie)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);
	LDAPControl *control = NULL;
	struct berval value;

	BUG_ON(ber == NULL);
	/* syncRequestValue: mode, cookie if any, reloadHint FALSE by default */
	BUG_ON(ber_printf(ber, "{e", mode) < 0);
	if (cookie != NULL && cookie->size != 0)
		BUG_ON(ber_printf(ber, "o", cookie->text, (ber_len_t)cookie->size) < 0);
	BUG_ON(ber_printf(ber, "}") < 0);
	BUG_ON(ber_flatten2(ber, &value, 0) != 0);
	BUG_ON(ldap_control_create(LDAP_CONTROL_SYNC, 1, &value, 1, &control) != LDAP_SUCCESS);
	ber_free(ber, 1);
	return control;
}

LDAPControl *sync_request_new(const struct cookie *cookie)
{
	return request_new(LDAP_SYNC_REFRESH_AND_PERSIST, cookie);
}

LDAPControl *sync_once_new(void)
{
	return request_new(LDAP_SYNC_REFRESH_ONLY, NULL);
}

/* The value may be missing or empty: ber_init or ber_scanf would end the process by it. */
static BerElement *begin(struct berval *value)
{
	return value->bv_val != NULL && value->bv_len > 0 ? ber_init(value) : NULL;
}

/* An optional OCTET STRING of that tag; none if it is not there. */
static void take_cookie(BerElement *ber, ber_tag_t tag, struct cookie *cookie)
{
	struct berval value;
	ber_len_t size;

	if (ber_peek_tag(ber, &size) == tag && ber_scanf(ber, "m", &value) != LBER_ERROR)
		cookie_set(cookie, value.bv_val, value.bv_len);
}

int sync_state_decode(struct berval *value, struct sync_entry *entry)
{
	BerElement *ber = begin(value);
	struct berval id;
	ber_int_t number = -1;
	int rc = -1;

	entry->cookie.size = 0;
	if (ber == NULL)
		return -1;
	if (ber_scanf(ber, "{em", &number, &id) != LBER_ERROR && number >= SYNC_PRESENT &&
	    number <= SYNC_DELETE && id.bv_len == UUID_SIZE) {
		entry->state = (enum sync_state)number;
		memcpy(entry->uuid, id.bv_val, UUID_SIZE);
		take_cookie(ber, LDAP_TAG_SYNC_COOKIE, &entry->cookie);
		rc = 0;
	}
	ber_free(ber, 1);
	return rc;
}

int sync_entry_state(LDAP *ld, LDAPMessage *m, struct sync_entry *entry, struct err *e)
{
	LDAPControl **controls = NULL, *found;
	int rc = -1;

	if (ldap_get_entry_controls(ld, m, &controls) != LDAP_SUCCESS || controls == NULL)
		return err_set(e, ERR_TEMP, 0,
			"the server does not do RFC 4533 (syncprov missing?)");
	found = ldap_control_find(LDAP_CONTROL_SYNC_STATE, controls, NULL);
	if (found != NULL)
		rc = sync_state_decode(&found->ldctl_value, entry);
	ldap_controls_free(controls);
	return rc == 0 ? 0 : err_set(e, ERR_TEMP, 0, "an entry without a sync state");
}

int sync_done_decode(struct berval *value, struct cookie *cookie)
{
	BerElement *ber = begin(value);
	int rc = -1;

	cookie->size = 0;
	if (ber == NULL)
		return -1;
	if (ber_scanf(ber, "{") != LBER_ERROR) {
		take_cookie(ber, LDAP_TAG_SYNC_COOKIE, cookie);
		rc = 0;
	}
	ber_free(ber, 1);
	return rc;
}

int sync_done_cookie(LDAP *ld, LDAPMessage *m, struct cookie *cookie, struct err *e)
{
	LDAPControl **controls = NULL, *found;
	int rc = -1;

	cookie->size = 0;
	if (ldap_parse_result(ld, m, NULL, NULL, NULL, NULL, &controls, 0) == LDAP_SUCCESS &&
	    controls != NULL) {
		found = ldap_control_find(LDAP_CONTROL_SYNC_DONE, controls, NULL);
		if (found != NULL)
			rc = sync_done_decode(&found->ldctl_value, cookie);
	}
	ldap_controls_free(controls);
	return rc == 0 ? 0 : err_set(e, ERR_TEMP, 0, "a result without a sync state");
}

/* An optional BOOLEAN with its default. */
static bool take_flag(BerElement *ber, bool value)
{
	ber_len_t size;
	ber_int_t flag = value;

	if (ber_peek_tag(ber, &size) == LBER_BOOLEAN)
		(void)ber_scanf(ber, "b", &flag);
	return flag != 0;
}

static int parse_id_set(BerElement *ber, struct sync_info *info)
{
	struct berval *id;

	take_cookie(ber, LDAP_TAG_SYNC_COOKIE, &info->cookie);
	info->kind = take_flag(ber, false) ? SYNC_INFO_DELETED : SYNC_INFO_PRESENT;
	if (ber_scanf(ber, "[W]", &info->uuids) == LBER_ERROR || info->uuids == NULL)
		return -1;
	for (id = info->uuids; id->bv_val != NULL; id++)
		if (id->bv_len != UUID_SIZE)
			return -1;
	return 0;
}

int sync_info_decode(struct berval *value, struct sync_info *info)
{
	BerElement *ber = begin(value);
	ber_len_t size;
	ber_tag_t tag;
	int rc = 0;

	if (ber == NULL)
		return -1;
	tag = ber_peek_tag(ber, &size);
	if (tag == LDAP_TAG_SYNC_NEW_COOKIE) {
		info->kind = SYNC_INFO_OTHER;
		take_cookie(ber, tag, &info->cookie);
	} else if (ber_scanf(ber, "{") == LBER_ERROR) {
		rc = -1;
	} else if (tag == LDAP_TAG_SYNC_REFRESH_DELETE || tag == LDAP_TAG_SYNC_REFRESH_PRESENT) {
		info->present_phase = tag == LDAP_TAG_SYNC_REFRESH_PRESENT;
		take_cookie(ber, LDAP_TAG_SYNC_COOKIE, &info->cookie);
		if (take_flag(ber, true))
			info->kind = SYNC_INFO_REFRESH_DONE;
	} else if (tag == LDAP_TAG_SYNC_ID_SET) {
		rc = parse_id_set(ber, info);
	} else {
		rc = -1;
	}
	ber_free(ber, 1);
	return rc;
}

/* libldap exports it, but only its private headers declare it. */
BerElement *ldap_get_message_ber(LDAPMessage *m);

/*
 * Looked at before ldap_parse_intermediate, which ends the process by an assertion when a server
 * sends an empty name.
 */
static bool is_sync_info(LDAPMessage *m)
{
	BerElement *ber = ber_dup(ldap_get_message_ber(m));
	struct berval name = { 0, NULL };
	bool is;

	if (ber == NULL)
		return false;
	/* not ber_scanf "m": it writes behind the name, into the message's own buffer */
	is = ber_scanf(ber, "{") != LBER_ERROR &&
		ber_skip_element(ber, &name) == LDAP_TAG_IM_RES_OID &&
		name.bv_len == strlen(LDAP_SYNC_INFO) &&
		memcmp(name.bv_val, LDAP_SYNC_INFO, name.bv_len) == 0;
	/* not ber_free(ber, 1): the buffer belongs to the message */
	ber_free(ber, 0);
	return is;
}

int sync_info_parse(LDAP *ld, LDAPMessage *m, struct sync_info *info, struct err *e)
{
	struct berval *value = NULL;
	char *oid = NULL;
	int rc = 0;

	memset(info, 0, sizeof(*info));
	if (!is_sync_info(m))
		return 0;
	if (ldap_parse_intermediate(ld, m, &oid, &value, NULL, 0) != LDAP_SUCCESS)
		return err_set(e, ERR_TEMP, 0, "an intermediate message that cannot be decoded");
	if (oid != NULL && value != NULL && strcmp(oid, LDAP_SYNC_INFO) == 0)
		rc = sync_info_decode(value, info);
	ldap_memfree(oid);
	ber_bvfree(value);
	return rc == 0 ? 0 : err_set(e, ERR_TEMP, 0, "a sync message that cannot be decoded");
}

void sync_info_clear(struct sync_info *info)
{
	ber_bvarray_free(info->uuids);
	info->uuids = NULL;
}
