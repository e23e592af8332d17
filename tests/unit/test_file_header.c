/* test_file_header.c - headers of files in the pickup and replay directories: a row a rule */
#include <string.h>

#include "hubd/pickup/file_header.h"
#include "unit.h"

enum { PICKUP = PICKUP_KIND_PICKUP, REPLAY = PICKUP_KIND_REPLAY };

static const struct file_header_defaults defaults = { .message_id = "<new@x>", .date = "now" };

/* kind, file up to its empty line; sender and recipients, the header that is stored; or the rule */
static const struct row {
	int kind;
	const char *file, *sender, *to, *head, *rule;
} rows[] = {
	{ PICKUP, "From: a@b.c\nTo: d@e.f\n\nbody", "a@b.c", "d@e.f",
		"From: a@b.c\r\nTo: d@e.f\r\nMessage-ID: <new@x>\r\nDate: now\r\n\r\n", NULL },
	{ PICKUP, "from:a@b.c\r\nTO: \"x, y\" <d@e.f> (z, z),\r\n\tg: h@e.f;\r\n\r\n",
		"a@b.c", "d@e.f h@e.f", "from:a@b.c\r\nTO: \"x, y\" <d@e.f> (z, z),\r\n\tg: h@e.f;"
		"\r\nMessage-ID: <new@x>\r\nDate: now\r\n\r\n", NULL },
	{ PICKUP, "From: a@b.c\nBcc: d@e.f\nMessage-ID: <m@x>\n"
		"Date: Sat, 21 Nov 2026 12:00:00 +0000 (UTC)\n\n", "a@b.c", "d@e.f",
		"From: a@b.c\r\nMessage-ID: <m@x>\r\n"
		"Date: Sat, 21 Nov 2026 12:00:00 +0000 (UTC)\r\n"
		"To: undisclosed-recipients:;\r\n\r\n", NULL },
	{ PICKUP, "Received: x\nResent-To: y@z.a\nFrom: a@b.c\nCc: d@e.f\nDate: 21 Nov 2026 "
		"12:00 GMT\nDate: 21 Nov 2026 13:00 GMT\nMessage-ID:\nMessage-ID: <m@x>\n\n",
		"a@b.c", "d@e.f", "From: a@b.c\r\nCc: d@e.f\r\nDate: 21 Nov 2026 12:00 GMT\r\n"
		"Message-ID: <m@x>\r\n\r\n", NULL },
	{ PICKUP, "From: a@b.c, g@h.i\nSender: s@b.c\nTo: d@e.f\n\n", "s@b.c", "d@e.f",
		NULL, NULL },
	{ PICKUP, "From: a@b.c\nSender: s@b.c\nTo: d@e.f\n\n", "a@b.c", "d@e.f", NULL,
		NULL },
	{ PICKUP, "Sender: s@b.c\nTo: d@e.f\n\n", "s@b.c", "d@e.f", NULL, NULL },
	{ PICKUP, "From: a@b.c\nTo: 1@x.y,2@x.y,3@x.y\n\n", "a@b.c", "1@x.y 2@x.y 3@x.y",
		NULL, NULL },
	{ PICKUP, "From: a@b.c\nTo: 1@x.y,2@x.y,3@x.y\nCc: 4@x.y\n\n", NULL, NULL, NULL,
		"recipients" },
	{ PICKUP, "From: a@b.c\nTo: none:;\n\n", NULL, NULL, NULL, "recipients" },
	{ PICKUP, "From: <>\nTo: d@e.f\n\n", NULL, NULL, NULL, "address" },
	{ PICKUP, "From: (a\nTo: d@e.f\n\n", NULL, NULL, NULL, "address" },
	{ PICKUP, "From: a@b.c\nTo: d\n\n", NULL, NULL, NULL, "address" },
	{ PICKUP, "To: d@e.f\n\n", NULL, NULL, NULL, "sender" },
	{ PICKUP, "From: a@b.c,b@b.c\nTo: d@e.f\n\n", NULL, NULL, NULL, "sender" },
	{ PICKUP, "From: a@b.c\nSender: a@b.c,b@b.c\nTo: d@e.f\n\n", NULL, NULL, NULL,
		"sender" },
	{ PICKUP, "From : a@b.c\nTo: d@e.f\n\n", NULL, NULL, NULL, "header-field" },
	{ PICKUP, "From: a@b.c\rBcc: x@y.z\nTo: d@e.f\n\n", NULL, NULL, NULL,
		"control-byte" },
	{ PICKUP, "\n", NULL, NULL, NULL, "sender" },

	{ REPLAY, "X-Sender: <a@b.c> BODY=8BITMIME\nX-Receiver: <d@e.f> NOTIFY=NEVER\n"
		"From: g@h.i\nBcc: j@k.l\n\n", "a@b.c", "d@e.f", "From: g@h.i\r\n"
		"Message-ID: <new@x>\r\nDate: now\r\n\r\n", NULL },
	{ REPLAY, "x-sender: <>\nX-Receiver: <d@e.f>\nX-Receiver: <g@e.f>\n"
		"X-EndOfInjectedXHeaders: 1\nX-Receiver: <content@e.f>\nReceived: x\n\n", "",
		"d@e.f g@e.f", "X-Receiver: <content@e.f>\r\nReceived: x\r\nMessage-ID: <new@x>\r\n"
		"Date: now\r\n\r\n", NULL },
	{ REPLAY, "X-Sender: <a@b.c>\nX-Receiver: <1@e.f>\nX-Receiver: <2@e.f>\n"
		"X-Receiver: <3@e.f>\nX-Receiver: <4@e.f>\n\n", "a@b.c", "1@e.f 2@e.f 3@e.f 4@e.f",
		NULL, NULL },
	{ REPLAY, "X-Receiver: <d@e.f>\nX-Sender: <a@b.c>\n\n", NULL, NULL, NULL,
		"envelope" },
	{ REPLAY, "X-Sender: <a@b.c>\nFrom: a@b.c\nX-Receiver: <d@e.f>\n\n", NULL, NULL,
		NULL, "envelope" },
	{ REPLAY, "X-Sender: <a@b.c>\nX-Sender: <a@b.c>\nX-Receiver: <d@e.f>\n\n", NULL,
		NULL, NULL, "envelope" },
	{ REPLAY, "X-Sender: <a@b.c> SIZE=x\nX-Receiver: <d@e.f>\n\n", NULL, NULL, NULL,
		"envelope" },
	{ REPLAY, "X-Sender: <a@b.c>\nX-Receiver: <d@e.f>\nX-CreatedBy: \n\n", NULL, NULL,
		NULL, "envelope" },
	{ REPLAY, "From: a@b.c\nTo: d@e.f\n\n", NULL, NULL, NULL, "envelope" },
};

static void check_recipients(const struct file_header *h, const char *expected)
{
	char text[200] = "";
	uint32_t i;

	for (i = 0; i < h->recipient_count; i++) {
		strcat(text, i > 0 ? " " : "");
		strcat(text, h->recipients[i].address);
	}
	ck_assert_str_eq(text, expected);
}

START_TEST(headers)
{
	const struct row *row = &rows[_i];
	const struct file_header_limits limits = {
		.max_recipients = row->kind == PICKUP ? 3 : 0 };
	size_t n = file_header_find_end(row->file, strlen(row->file));
	struct arena *a = arena_new();
	const char *rule = NULL;
	struct file_header *h;
	struct err e = { .text = "" };

	ck_assert_uint_ne(n, 0);
	h = file_header_read((enum pickup_kind)row->kind, row->file, n, &limits, &defaults, a,
		&rule, &e);
	ck_assert_int_eq(h == NULL, row->rule != NULL);
	if (h == NULL) {
		ck_assert_str_eq(rule, row->rule);
		ck_assert_str_ne(e.text, "");
	} else {
		ck_assert_str_eq(h->sender, row->sender);
		check_recipients(h, row->to);
		if (row->head != NULL)
			ck_assert_str_eq(h->head, row->head);
		ck_assert_uint_eq(h->head_size, strlen(h->head));
		ck_assert_uint_eq(h->size, n);
	}
	arena_free(&a);
}
END_TEST

static const struct { const char *text; size_t end; } ends[] = {
	{ "", 0 }, { "\n", 1 }, { "\r\n", 2 }, { "a: b\n", 0 }, { "a: b\n\n", 6 },
	{ "a: b\r\n\r\nx", 8 }, { "a: b\n\r\nx", 7 }, { "a: b\n\r", 0 }, { "a: b\n \n\n", 8 },
};

START_TEST(the_end)
{
	ck_assert_uint_eq(file_header_find_end(ends[_i].text, strlen(ends[_i].text)), ends[_i].end);
}
END_TEST

START_TEST(parameters)
{
	static const char file[] = "X-Sender: <a@b.c> BODY=BINARYMIME SMTPUTF8 RET=FULL ENVID=q+31 "
		"AUTH=x@y.z\nX-Receiver: <\303\244@e.f> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x\n"
		"X-HeloDomain: there\nX-SourceIPAddress: 2001:db8::1\nX-CreatedBy: Notes\n\n";
	const struct file_header_limits limits = { 0 };
	struct arena *a = arena_new();
	const char *rule;
	struct err e;
	struct file_header *h = file_header_read(PICKUP_KIND_REPLAY, file, strlen(file),
		&limits, &defaults, a, &rule, &e);

	ck_assert_ptr_nonnull(h);
	ck_assert_int_eq(h->body, ENVELOPE_BODY_BINARYMIME);
	ck_assert(h->body_given && h->smtputf8);
	ck_assert_int_eq(h->ret, ENVELOPE_RET_FULL);
	ck_assert_str_eq(h->envid, "q+31");
	ck_assert_str_eq(h->submitter, "x@y.z");
	ck_assert_str_eq(h->recipients[0].address, "\303\244@e.f");
	ck_assert_uint_eq(h->recipients[0].notify, ENVELOPE_NOTIFY_SUCCESS | ENVELOPE_NOTIFY_DELAY);
	ck_assert_str_eq(h->recipients[0].orcpt, "rfc822;x");
	ck_assert_str_eq(h->helo, "there");
	ck_assert_str_eq(h->address, "2001:db8::1");
	ck_assert_str_eq(h->created_by, "Notes");
	arena_free(&a);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("file_header");

	tcase_add_loop_test(tc, headers, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tc, the_end, 0, sizeof(ends) / sizeof(ends[0]));
	tcase_add_test(tc, parameters);
	return unit_run("file_header", &tc, 1);
}
