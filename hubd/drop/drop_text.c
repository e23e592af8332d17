/* drop_text.c - see drop_text.h */
#include "hubd/drop/drop_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "libhub/smtp/encapsulation.h"

static void put_sender(FILE *f, const struct envelope *env)
{
	static const char *const bodies[] = {
		[ENVELOPE_BODY_7BIT] = "7BIT", [ENVELOPE_BODY_8BITMIME] = "8BITMIME",
		[ENVELOPE_BODY_BINARYMIME] = "BINARYMIME",
	};

	fprintf(f, "X-Sender: <%s> BODY=%s", env->sender, bodies[env->body]);
	if (env->smtputf8)
		fputs(" SMTPUTF8", f);
	if (env->ret != ENVELOPE_RET_NONE)
		fprintf(f, " RET=%s", env->ret == ENVELOPE_RET_FULL ? "FULL" : "HDRS");
	if (*env->envid != '\0')
		fprintf(f, " ENVID=%s", env->envid);
	fputs("\r\n", f);
}

/* RFC 3461 section 4.1: without the parameter failure and delay are meant. */
static void put_notify(FILE *f, uint32_t notify, bool relay_report)
{
	static const struct { uint32_t bit; const char *name; } names[] = {
		{ ENVELOPE_NOTIFY_NEVER, "NEVER" }, { ENVELOPE_NOTIFY_SUCCESS, "SUCCESS" },
		{ ENVELOPE_NOTIFY_FAILURE, "FAILURE" }, { ENVELOPE_NOTIFY_DELAY, "DELAY" },
	};
	const char *before = " NOTIFY=";
	size_t i;

	if (relay_report && notify == ENVELOPE_NOTIFY_SUCCESS)
		notify = ENVELOPE_NOTIFY_NEVER;
	else if (relay_report)
		notify &= ~(uint32_t)ENVELOPE_NOTIFY_SUCCESS;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((notify & names[i].bit) == 0)
			continue;
		fprintf(f, "%s%s", before, names[i].name);
		before = ",";
	}
}

static void put_recipient(FILE *f, const struct envelope_recipient *r, bool relay_report)
{
	struct encapsulated e;

	fprintf(f, "X-Receiver: <%s>", r->address);
	put_notify(f, r->notify, relay_report);
	if (*r->orcpt != '\0')
		fprintf(f, " ORcpt=%s", r->orcpt);
	fputs("\r\n", f);
	if (encapsulation_read(r->address, &e) == ENCAPSULATION_WHOLE)
		fprintf(f, "X-Receiver-Address: %s:%s\r\n", e.type, e.text);
}

char *drop_text(const struct envelope *env, bool relay_report, size_t *size)
{
	char *text;
	FILE *f = open_memstream(&text, size);
	uint32_t i;

	BUG_ON(f == NULL);
	put_sender(f, env);
	for (i = 0; i < env->recipient_count; i++)
		put_recipient(f, &env->recipients[i], relay_report);
	fputs("X-CreatedBy: hub-transport\r\n", f);
	BUG_ON(fflush(f) != 0);
	fprintf(f, "X-EndOfInjectedXHeaders: %zu\r\n", *size);
	BUG_ON(fclose(f) != 0);
	return text;
}

void drop_name(char out[DROP_NAME_MAX + 1], const char *fqdn, uint64_t id,
	const struct envelope *env, uint32_t first)
{
	snprintf(out, DROP_NAME_MAX + 1, "%.150s-%016" PRIx64 "-%" PRIx64 "-%" PRIu32 ".eml", fqdn,
		id, (uint64_t)env->received_ms, first);
}
