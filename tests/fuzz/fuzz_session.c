/* fuzz_session.c - fuzz target for a whole incoming SMTP session.
 *
 * The real session code talks over a socketpair to the input; organization, spool and login answers
 * are real but small (fuzz_world.c). The first byte chooses the Receive connector; the rest is what
 * the client sends, where a byte 0xff is not sent but ends a write: the session settles before the
 * next one. Promises looked at: replies are CRLF lines of at most 512 bytes, well formed, no more
 * than were asked for; nothing is committed without its end; text that is committed has no bare CR
 * or LF; no stranger brings fields of the organization; the answer does not depend on where the
 * input is cut. With HUB_FUZZ_SHOW in the environment, what the session answers is shown.
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
	EXTRA_REPLIES = 4,	/* greeting, 421, an overlong line, and its 421 */
};

/* What one session did. */
struct result {
	char *text;		/* all it sent, NUL-terminated */
	size_t length;
	uint32_t committed;
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

static bool spoke_tls(const struct result *r)
{
	return strstr(r->text, "ready to start TLS") != NULL ||
		strstr(r->text, "input after STARTTLS") != NULL;
}

/* Returns the number of replies; after a TLS handshake began there is nothing more to read. */
static size_t check_replies(const struct result *r)
{
	const char *p = r->text, *end;
	struct smtp_reply reply;
	struct err e;
	size_t n = 0;
	int rc = 0;

	while (*p != '\0') {
		end = strstr(p, "\r\n");
		BUG_ON(end == NULL || end - p > 510);
		if (rc == 0)
			smtp_reply_begin(&reply);
		rc = smtp_reply_feed(&reply, p, (size_t)(end - p), &e);
		BUG_ON(rc < 0);
		p = end + 2;
		n += rc == 0;
		if (rc == 0 && n > 1 && reply.code == 220)
			return n;
	}
	BUG_ON(rc != 0 || strlen(r->text) != r->length);
	return n;
}

/* --- what may have been committed --- */

static size_t count(const char *p, size_t n, const char *what)
{
	size_t len = strlen(what), i, found = 0;

	for (i = 0; i + len <= n; i++)
		found += strncasecmp(p + i, what, len) == 0;
	return found;
}

static void check_counts(const struct result *r, const char *sent, size_t n)
{
	BUG_ON(check_replies(r) > count(sent, n, "\n") + EXTRA_REPLIES);
	BUG_ON(r->committed > count(sent, n, "\r\n.\r\n") + count(sent, n, "last"));
}

/* --- one session --- */

static void run(struct result *r, unsigned int connector, const uint8_t *data, size_t n, bool cuts)
{
	struct world_session *s = world_connect(connector);
	size_t at = 0, end;

	while (at < n) {
		const uint8_t *cut = cuts ? memchr(data + at, CUT, n - at) : NULL;

		end = cut != NULL ? (size_t)(cut - data) : n;
		world_say(s, data + at, end - at);
		at = end + (cut != NULL);
	}
	r->committed = world_hang_up(s, &r->text, &r->length);
	mask_ids(r->text);
	if (getenv("HUB_FUZZ_SHOW") != NULL)
		fprintf(stderr, "%s-- %u committed\n", r->text, r->committed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result cut, whole;
	uint8_t *joined;
	size_t i, n = 0;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	joined = xmalloc(size);
	for (i = 1; i < size; i++)
		if (data[i] != CUT)
			joined[n++] = data[i];
	run(&cut, data[0], data + 1, size - 1, true);
	check_counts(&cut, (const char *)joined, n);
	if (n != size - 1 && !spoke_tls(&cut)) {
		run(&whole, data[0], joined, n, false);
		check_counts(&whole, (const char *)joined, n);
		BUG_ON(!spoke_tls(&whole) && (cut.committed != whole.committed ||
			cut.length != whole.length || strcmp(cut.text, whole.text) != 0));
		free(whole.text);
	}
	free(cut.text);
	free(joined);
	return 0;
}
