/* firewall_bench.c - what permissions and the header firewall cost a message
 *
 *	firewall_bench [MESSAGES]		default 200000
 *
 * Prints nanoseconds a message, one line a part: a session judged three times (connect, STARTTLS,
 * AUTH) by a connector with grants and denials; the header of a message looked through on its way
 * in, of a stranger and of a hub with everything that a hub tells; the origin written for the next
 * hub; and the header read through the firewall on the way out, with something to take out in it.
 * The spool is one of memory here, so that nothing else is measured.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hubd/receive/intake.h"
#include "hubd/receive/permission.h"

static const char usual[] =
	"Received: from mail-lj1-f169.google.example (mail-lj1-f169.google.example "
	"[209.85.208.169])\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))"
	"\r\n\tby mx1.contoso.com (Postfix) with ESMTPS id 4Rk3vZ2Z1rz9sW\r\n\tfor "
	"<anna@contoso.com>; Sat, 21 Nov 2026 12:00:00 +0000 (UTC)\r\n"
	"Received: by mail-lj1-f169.google.example with SMTP id 38308e7fff4ca-2c6b5841f61so5\r\n"
	"        for <anna@contoso.com>; Sat, 21 Nov 2026 04:00:00 -0800 (PST)\r\n"
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n        d=outside.example; s=2023"
	"0601; t=1700568000; x=1701172800;\r\n        h=to:subject:message-id:date:from:mime-vers"
	"ion:from:to:cc:subject\r\n         :date:message-id:reply-to;\r\n        bh=47DEQpj8HBSa+/"
	"TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n        b=V0bP9pY7Xc1m2qkq9m2qv8x4y7n1z5w3r6t8u0i2o4p"
	"6a8s0d2f4g6h8j0k2l4\r\n         z6x8c0v2b4n6m8q0w2e4r6t8y0u2i4o6p8a0s2d4f6g8h0j2k4l6z8x0"
	"c2v4b6n8m0==\r\n"
	"X-Google-DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n        d=1e100.exampl"
	"e; s=20230601; t=1700568000; x=1701172800;\r\n        h=to:subject:message-id:date:from:mi"
	"me-version:x-gm-message-state\r\n         :from:to:cc:subject:date:message-id:reply-to;"
	"\r\nX-Gm-Message-State: AOJu0YzQe1xkF5mW2bJ8f3R9n6T1v4Y7c0L5s8D2g\r\n\tB3h6K9n2Q5t8W1z4C"
	"7f0J3m6P9s2V5y8\r\n"
	"X-Google-Smtp-Source: AGHT+IE1z4C7f0J3m6P9s2V5y8B1e4H7k0N3q6T9w2Z5c8F1i4L7o0R3u6X9a2D\r\n"
	"X-Received: by 2002:a2e:9e53:0:b0:2c5:1a9e:5f2c with SMTP id g19mr123;\r\n        Sat, 21 "
	"Nov 2026 04:00:00 -0800 (PST)\r\n"
	"MIME-Version: 1.0\r\nFrom: Some One <someone@outside.example>\r\nDate: Sat, 21 Nov 2026 "
	"12:00:00 +0000\r\nMessage-ID: <CAHk-=wh1z4C7f0J3m6P9s2V5y8@mail.outside.example>\r\n"
	"Subject: Minutes of the meeting of last week, and what follows from them\r\n"
	"To: Anna <anna@contoso.com>\r\nCc: Bruno <bruno@contoso.com>, Clara <clara@contoso.com>"
	"\r\nContent-Type: multipart/alternative; boundary=\"0000000000001f2c5b060aa\"\r\n";
static const char hubs[] =
	"X-Hub-Organization-AuthAs: Internal\r\nX-Hub-Organization-AuthSource: hub1.contoso.com\r\n"
	"X-Hub-Organization-AuthMechanism: 01\r\n"
	"X-Hub-Organization-OriginalArrivalTime: 2026-11-21T18:00:00.123Z\r\n"
	"X-Hub-Organization-OriginalSize: 4711\r\n";
static const char own[] = "X-Hub-Organization-Foo: bar\r\nX-Hub-Forest-Baz: qux\r\n";

/* --- the spool --- */

static struct {
	char text[16384];
	size_t n, at;
} memory;

struct spool_draft *spool_draft_new(struct spool_port *p, spool_resume_cb *on_resume, void *ctx)
{
	(void)p;
	(void)on_resume;
	(void)ctx;
	memory.n = memory.at = 0;
	return (void *)&memory;
}

bool spool_draft_write(struct spool_draft *d, const void *data, size_t size)
{
	(void)d;
	memcpy(memory.text + memory.n, data, size);
	memory.n += size;
	return true;
}

uint64_t spool_draft_id(const struct spool_draft *d)
{
	(void)d;
	return 1;
}

uint64_t spool_draft_size(const struct spool_draft *d)
{
	(void)d;
	return memory.n;
}

bool spool_draft_failed(const struct spool_draft *d)
{
	(void)d;
	return false;
}

void spool_draft_commit(struct spool_draft **d, const void *envelope, size_t envelope_size,
	uint32_t recipients, spool_commit_cb *cb, void *ctx)
{
	(void)envelope;
	(void)envelope_size;
	(void)recipients;
	(void)cb;
	(void)ctx;
	*d = NULL;
}

void spool_draft_abort(struct spool_draft **d)
{
	*d = NULL;
}

ssize_t spool_body_read(struct spool_body *b, void *buf, size_t size, struct err *e)
{
	size_t n = memory.n - memory.at < size ? memory.n - memory.at : size;

	(void)b;
	(void)e;
	memcpy(buf, memory.text + memory.at, n);
	memory.at += n;
	return (ssize_t)n;
}

/* --- the parts --- */

static struct arena *arena;
static uint64_t seen;	/* of every result, so that none is left out */

static void judge(void)
{
	static const struct grant grants[] = {
		{ 1u << GROUP_ANONYMOUS, 1u << RIGHT_ACCEPT_ANY_RECIPIENT },
		{ 1u << GROUP_HUB_USERS, 1u << RIGHT_ACCEPT_ANY_SENDER },
	}, denies[] = {
		{ 1u << GROUP_ANONYMOUS, 1u << RIGHT_ACCEPT_AUTHORITATIVE_DOMAIN_SENDER },
		{ 1u << GROUP_HUB_USERS, 1u << RIGHT_BYPASS_ANTI_SPAM },
	};
	static const struct receive_connector rc = {
		.groups = 1u << GROUP_ANONYMOUS | 1u << GROUP_HUB_USERS,
		.grants = { (void *)(uintptr_t)grants, 2 },
		.denies = { (void *)(uintptr_t)denies, 2 },
	};

	seen += permission_rights(&rc, PRINCIPAL_ANONYMOUS);
	seen += permission_rights(&rc, PRINCIPAL_ANONYMOUS);
	seen += permission_rights(&rc, PRINCIPAL_USER);
}

static void take_in(const char *text, size_t n, uint32_t accept)
{
	const struct intake_limits limits = { .own_name = "hub1.contoso.com",
		.own_alias = "hub1.contoso.com", .accept = accept, .binary = true,
		.arena = arena };
	struct intake *in = intake_new(NULL, &limits, NULL, NULL);
	bool pause;

	intake_chunk(in, text, n, &pause);
	intake_end(in);
	seen += intake_classes(in) + (intake_origin(in) != NULL);
	intake_free(&in);
}

static void in_from_stranger(void)
{
	static char text[8192];
	static size_t n;

	if (n == 0)
		n = (size_t)snprintf(text, sizeof(text), "%s\r\nbody\r\n", usual);
	take_in(text, n, FIREWALL_ROUTING);
}

static void in_from_hub(void)
{
	static char text[8192];
	static size_t n;

	if (n == 0)
		n = (size_t)snprintf(text, sizeof(text), "%s%s%s\r\nbody\r\n", hubs, usual, own);
	take_in(text, n, FIREWALL_ALL);
}

static void write_origin(void)
{
	static const struct origin origin = { .as = ORIGIN_INTERNAL, .source = "hub1.contoso.com",
		.mechanism = ORIGIN_BY_PLAIN, .domain = "", .submitter = "anna@contoso.com",
		.arrived_ms = 1795000000123 };
	char text[ORIGIN_TEXT_MAX];

	seen += origin_format(&origin, "hub1.contoso.com", text, sizeof(text));
}

/* What is in memory, as in_from_hub left it. */
static void take_out(void)
{
	static struct firewall f;
	char buf[65536];
	struct err e;
	ssize_t n;

	memory.at = 0;
	firewall_init(&f, FIREWALL_ORGANIZATION | FIREWALL_FOREST);
	while ((n = firewall_read(&f, NULL, buf, sizeof(buf), &e)) > 0)
		seen += (uint64_t)n;
}

/* Of this process: other work of the machine is not counted. */
static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void measure(const char *name, void (*part)(void), unsigned long messages)
{
	uint64_t begun = now_ns();
	unsigned long i;

	for (i = 0; i < messages; i++)
		part();
	printf("%s %.1f ns\n", name, (double)(now_ns() - begun) / (double)messages);
}

int main(int argc, char **argv)
{
	unsigned long messages = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;

	if (messages == 0)
		return 2;
	arena = arena_new();
	measure("judge", judge, messages);
	measure("in-stranger", in_from_stranger, messages);
	measure("in-hub", in_from_hub, messages);
	measure("origin", write_origin, messages);
	measure("out", take_out, messages);
	arena_free(&arena);
	return seen == 0;
}
