/* fuzz_session.c - fuzz target for a whole incoming SMTP session.
 *
 * The real session code talks over a socketpair to the input; organization, spool and login answers
 * are real but small (fuzz_world.c). The first byte chooses the Receive connector, its highest bit
 * TLS before all else; the rest is what the client sends, where a byte 0xff is not sent but ends a
 * write: the session settles before the next one. 0xfe is a peer silent for too long, 0xfd a
 * session that has lasted too long. Promises looked at: replies are CRLF lines of at most 512
 * bytes, well formed, no more than were asked for; a message is committed exactly when 250 says so,
 * with as many recipients as were accepted by 250 since its sender was, and not without its end;
 * text that is committed has no bare CR or LF; no stranger brings fields of the organization; the
 * answer does not depend on where the input is cut. With HUB_FUZZ_SHOW in the environment, what the
 * session answers is shown.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz_world.h"
#include "libhub/base/mem.h"
#include "libhub/smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	INPUT_MAX = 1 << 16,
	CUT = 0xff,
	SILENCE = 0xfe,
	TOO_LONG = 0xfd,
	TLS_FIRST = 0x80,
	EXTRA_REPLIES = 4,	/* greeting, 421, an overlong line, and its 421 */
};

/* What the replies say of the transactions. */
struct story {
	uint32_t accepted;	/* recipients since the last sender */
	uint32_t queued;	/* messages */
	size_t replies;
};

/* --- the transcript --- */

/* Ids of messages differ from run to run. */
static void mask_ids(char *text)
{
	static const char mark[] = "queued as ";
	char *at = text, *end;

	while ((at = strstr(at, mark)) != NULL) {
		at += sizeof(mark) - 1;
		for (end = at; isxdigit((unsigned char)*end); end++)
			*end = 'x';
	}
}

/* These answers tell that something came too early: whether it did depends on the cuts. */
static bool depends_on_cuts(const struct world_result *r)
{
	return strstr(r->text, "input behind a refused DATA") != NULL ||
		strstr(r->text, "ready to start TLS") != NULL ||
		strstr(r->text, "input after STARTTLS") != NULL;
}

static void follow(struct story *t, const struct smtp_reply *reply, const struct world_result *r)
{
	static const char queued[] = "queued as ";

	t->replies++;
	if (reply->code != 250 || reply->lines != 1)
		return;
	if (strcmp(reply->text, "sender OK") == 0) {
		t->accepted = 0;
	} else if (strcmp(reply->text, "recipient OK") == 0) {
		t->accepted++;
	} else if (strncmp(reply->text, queued, sizeof(queued) - 1) == 0) {
		BUG_ON(t->queued >= r->committed || t->accepted == 0);
		BUG_ON(r->recipients[t->queued] != t->accepted);
		t->queued++;
		t->accepted = 0;
	}
}

/* After a TLS handshake began there is nothing more to read. */
static struct story read_replies(const struct world_result *r)
{
	struct story t = { 0 };
	const char *p = r->text, *end;
	struct smtp_reply reply;
	struct err e;
	int rc = 0;

	while (*p != '\0') {
		end = strstr(p, "\r\n");
		BUG_ON(end == NULL || end - p > 510);
		if (rc == 0)
			smtp_reply_begin(&reply);
		rc = smtp_reply_feed(&reply, p, (size_t)(end - p), &e);
		BUG_ON(rc < 0);
		p = end + 2;
		if (rc == 0)
			follow(&t, &reply, r);
		if (rc == 0 && t.replies > 1 && reply.code == 220)
			break;
	}
	BUG_ON(rc != 0 || (*p == '\0' && (size_t)(p - r->text) != r->length));
	BUG_ON(t.queued != r->committed);
	return t;
}

/* --- what may have been committed --- */

static size_t count(const char *p, size_t n, const char *what)
{
	size_t len = strlen(what), i, found = 0;

	for (i = 0; i + len <= n; i++)
		found += strncasecmp(p + i, what, len) == 0;
	return found;
}

static void check(struct world_result *r, const char *sent, size_t n)
{
	mask_ids(r->text);
	if (getenv("HUB_FUZZ_SHOW") != NULL)
		fprintf(stderr, "%s-- %u committed\n", r->text, r->committed);
	BUG_ON(read_replies(r).replies > count(sent, n, "\n") + EXTRA_REPLIES);
	BUG_ON(r->committed > count(sent, n, "\r\n.\r\n") + count(sent, n, "last"));
}

/* --- one session --- */

static bool is_mark(uint8_t c, bool cuts)
{
	return c == SILENCE || c == TOO_LONG || (c == CUT && cuts);
}

static void run(struct world_result *r, uint8_t first, const uint8_t *p, size_t n, bool cuts)
{
	struct world_session *s = world_connect(first & ~(unsigned int)TLS_FIRST,
		(first & TLS_FIRST) != 0);
	size_t at, end;

	for (at = 0; at < n; at = end + 1) {
		for (end = at; end < n && !is_mark(p[end], cuts); end++)
			;
		world_say(s, p + at, end - at);
		if (end < n && p[end] != CUT)
			world_time_out(s, p[end] == SILENCE ? WORLD_INACTIVE : WORLD_DEADLINE);
	}
	world_hang_up(s, r);
}

static bool same(const struct world_result *a, const struct world_result *b)
{
	return a->committed == b->committed && a->length == b->length &&
		strcmp(a->text, b->text) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world_result cut, whole;
	uint8_t *sent, *joined;
	size_t i, n_sent = 0, n_joined = 0;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	sent = xmalloc(size);
	joined = xmalloc(size);
	for (i = 1; i < size; i++) {
		if (data[i] != CUT)
			joined[n_joined++] = data[i];
		if (!is_mark(data[i], true))
			sent[n_sent++] = data[i];
	}
	run(&cut, data[0], data + 1, size - 1, true);
	check(&cut, (const char *)sent, n_sent);
	if (n_joined != size - 1 && !depends_on_cuts(&cut)) {
		run(&whole, data[0], joined, n_joined, false);
		check(&whole, (const char *)sent, n_sent);
		BUG_ON(!depends_on_cuts(&whole) && !same(&cut, &whole));
		free(whole.text);
	}
	free(cut.text);
	free(joined);
	free(sent);
	return 0;
}
