/* verdict.c - the table. Rows are tried in order; the first that fits counts. */
#include "hubd/deliver/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "libhub/base/err.h"

const char *const stage_names[STAGES] = {
	[STAGE_RESOLVE] = "resolve",
	[STAGE_CONNECT] = "connect",
	[STAGE_GREETING] = "greeting",
	[STAGE_HELO] = "EHLO",
	[STAGE_TLS] = "STARTTLS",
	[STAGE_AUTH] = "AUTH",
	[STAGE_MAIL] = "MAIL",
	[STAGE_RCPT] = "RCPT",
	[STAGE_DATA] = "DATA",
	[STAGE_BODY] = "end of message",
};

enum { ANY = -1 };

static const struct row {
	int first, last;		/* stages */
	int event;
	int code;			/* 0 = any */
	uint32_t downgrade;		/* only if this bit is set; 0 = always */
	struct verdict verdict;
} rows[] = {
	/* where to */
	{ STAGE_RESOLVE, STAGE_RESOLVE, ANY, 0, VERDICT_DOWNGRADE_DNS,
		{ SCOPE_HOST, ACTION_NEXT_HOST, "4.4.4" } },
	{ STAGE_RESOLVE, STAGE_RESOLVE, EVENT_NX_DOMAIN, 0, 0,
		{ SCOPE_DESTINATION, ACTION_FAIL, "5.1.2" } },
	{ STAGE_RESOLVE, STAGE_RESOLVE, EVENT_NO_ADDRESS, 0, 0,
		{ SCOPE_DESTINATION, ACTION_FAIL, "5.4.4" } },
	{ STAGE_RESOLVE, STAGE_RESOLVE, EVENT_NULL_MX, 0, 0,
		{ SCOPE_DESTINATION, ACTION_FAIL, "5.1.10" } },
	{ STAGE_RESOLVE, STAGE_RESOLVE, EVENT_LOOP, 0, 0,
		{ SCOPE_DESTINATION, ACTION_FAIL, "5.4.6" } },
	{ STAGE_RESOLVE, STAGE_RESOLVE, ANY, 0, 0,
		{ SCOPE_HOST, ACTION_NEXT_HOST, "4.4.3" } },

	/* who are we: a refusal of our credential concerns all that would use it */
	{ STAGE_AUTH, STAGE_AUTH, EVENT_PERMANENT, 0, VERDICT_DOWNGRADE_AUTH,
		{ SCOPE_HOST, ACTION_NEXT_HOST, "4.7.0" } },
	{ STAGE_AUTH, STAGE_AUTH, EVENT_PERMANENT, 0, 0,
		{ SCOPE_DESTINATION, ACTION_FAIL, "5.7.8" } },

	/* until the session is ready for mail another host may do better, whatever was said */
	{ STAGE_CONNECT, STAGE_CONNECT, ANY, 0, 0, { SCOPE_HOST, ACTION_NEXT_HOST, "4.4.1" } },
	{ STAGE_GREETING, STAGE_HELO, EVENT_PERMANENT, 0, 0,
		{ SCOPE_HOST, ACTION_NEXT_HOST, "4.3.2" } },
	{ STAGE_GREETING, STAGE_HELO, ANY, 0, 0, { SCOPE_HOST, ACTION_NEXT_HOST, "4.4.2" } },
	{ STAGE_TLS, STAGE_AUTH, ANY, 0, 0, { SCOPE_HOST, ACTION_NEXT_HOST, "4.7.0" } },

	/* what we know before we ask */
	{ ANY, ANY, EVENT_TOO_BIG, 0, 0, { SCOPE_MESSAGE, ACTION_FAIL, "5.3.4" } },
	{ ANY, ANY, EVENT_NO_8BIT, 0, 0, { SCOPE_MESSAGE, ACTION_FAIL, "5.6.3" } },
	{ ANY, ANY, EVENT_NO_BINARY, 0, 0, { SCOPE_MESSAGE, ACTION_FAIL, "5.6.3" } },
	{ ANY, ANY, EVENT_NO_UTF8, 0, 0, { SCOPE_RECIPIENT, ACTION_FAIL, "5.6.7" } },
	{ ANY, ANY, EVENT_NO_UTF8_HEADER, 0, 0, { SCOPE_MESSAGE, ACTION_FAIL, "5.6.9" } },
	{ ANY, ANY, EVENT_BAD_ADDRESS, 0, 0, { SCOPE_RECIPIENT, ACTION_FAIL, "5.1.3" } },
	{ ANY, ANY, EVENT_DAMAGED, 0, 0, { SCOPE_MESSAGE, ACTION_RETRY, "4.3.0" } },

	/*
	 * RFC 4954 section 6: authentication required, from who does not know our key and lets
	 * nobody in without: nobody's mail would pass.
	 */
	{ STAGE_MAIL, STAGE_MAIL, EVENT_PERMANENT, 530, VERDICT_DIRECT_TRUST,
		{ SCOPE_HOST, ACTION_NEXT_HOST, "4.7.0" } },
	/*
	 * Who gives servers of the organization too few rights may still take other mail, so this
	 * waits behind it. What the message holds is refused after RCPT.
	 */
	{ STAGE_MAIL, STAGE_MAIL, EVENT_PERMANENT, VERDICT_NOT_PERMITTED, VERDICT_DIRECT_TRUST,
		{ SCOPE_MESSAGE, ACTION_RETRY, "4.7.0" } },
	{ STAGE_RCPT, STAGE_RCPT, EVENT_PERMANENT, VERDICT_NOT_PERMITTED, VERDICT_DIRECT_TRUST,
		{ SCOPE_RECIPIENT, ACTION_RETRY, "4.7.0" } },
	{ STAGE_RCPT, STAGE_RCPT, EVENT_PERMANENT, 530, VERDICT_DIRECT_TRUST,
		{ SCOPE_RECIPIENT, ACTION_RETRY, "4.7.0" } },
	/* the transaction */
	{ STAGE_MAIL, STAGE_MAIL, EVENT_CLOSING, 0, 0, { SCOPE_HOST, ACTION_NEXT_HOST, "4.3.2" } },
	/* it may be this message or recipient that the peer closes for: others go first */
	{ ANY, ANY, EVENT_CLOSING, 0, 0, { SCOPE_MESSAGE, ACTION_RETRY, "4.3.2" } },
	{ ANY, ANY, EVENT_LOST, 0, 0, { SCOPE_MESSAGE, ACTION_RETRY, "4.4.2" } },
	{ ANY, ANY, EVENT_NONSENSE, 0, 0, { SCOPE_MESSAGE, ACTION_RETRY, "4.5.0" } },
	/* RFC 5321 section 4.5.3.1.10: 552 for too many recipients means 452 */
	{ STAGE_RCPT, STAGE_RCPT, EVENT_PERMANENT, 552, 0,
		{ SCOPE_RECIPIENT, ACTION_RETRY, "4.5.3" } },
	{ STAGE_RCPT, STAGE_RCPT, EVENT_TEMPORARY, 0, 0,
		{ SCOPE_RECIPIENT, ACTION_RETRY, "4.0.0" } },
	{ STAGE_RCPT, STAGE_RCPT, EVENT_PERMANENT, 0, 0,
		{ SCOPE_RECIPIENT, ACTION_FAIL, "5.0.0" } },
	/* RFC 5321 section 4.2.3: insufficient system storage */
	{ STAGE_MAIL, STAGE_MAIL, EVENT_TEMPORARY, 452, 0,
		{ SCOPE_MESSAGE, ACTION_RETRY, "4.3.1" } },
	{ ANY, ANY, EVENT_TEMPORARY, 0, 0, { SCOPE_MESSAGE, ACTION_RETRY, "4.0.0" } },
	{ ANY, ANY, EVENT_PERMANENT, 0, 0, { SCOPE_MESSAGE, ACTION_FAIL, "5.0.0" } },
	{ ANY, ANY, EVENT_POLICY, 0, 0, { SCOPE_MESSAGE, ACTION_RETRY, "4.7.0" } },
	/* a DNS event can only come from STAGE_RESOLVE; anything else is put off, never lost */
	{ ANY, ANY, ANY, 0, 0, { SCOPE_MESSAGE, ACTION_RETRY, "4.0.0" } },
};

struct verdict verdict_decide(enum verdict_stage stage, enum verdict_event event, int code,
	uint32_t downgrade)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		if ((r->first == ANY || ((int)stage >= r->first && (int)stage <= r->last)) &&
			(r->event == ANY || r->event == (int)event) &&
			(r->code == 0 || r->code == code) &&
			(r->downgrade == 0 || (r->downgrade & downgrade) != 0))
			return r->verdict;
	}
	err_bug(__FILE__, __LINE__, "the table has no last row");
}

int verdict_code(int code, const char *status)
{
	bool otherwise = status[0] == '5' && strcmp(status, "5.5.3") != 0;

	if (code != 530 && (strcmp(status, "5.7.0") == 0 || strcmp(status, "5.7.1") == 0))
		return VERDICT_NOT_PERMITTED;
	return code == 552 && otherwise ? 550 : code;
}

enum verdict_event verdict_event_of(int code)
{
	if (code == 421)
		return EVENT_CLOSING;
	if (code >= 400 && code < 500)
		return EVENT_TEMPORARY;
	if (code >= 500 && code < 600)
		return EVENT_PERMANENT;
	return EVENT_NONSENSE;
}
