/* test_report.c - what is written into a report, whatever others put into it. */
#include <stdio.h>
#include <string.h>

#include "hubd/report/text.h"
#include "hubd/report/words.h"
#include "libhub/base/mem.h"
#include "libhub/smtp/address.h"
#include "unit.h"

static struct envelope env;
static struct report_request request;
static struct report_line line;
static struct report_parts parts;

static void setup(void)
{
	env = (struct envelope){ .sender = "anna@contoso.com", .envid = "", .message_id = "<m@x>",
		.subject = "Figures", .peer_name = "client.example", .peer_address = "192.0.2.1",
		.received_ms = 1000 };
	request = (struct report_request){ .env = &env };
	line = (struct report_line){ .kind = QUEUE_REPORT_FAILED, .address = "x@far.example",
		.via = "", .orcpt = "", .status = "5.1.1", .words = "550 5.1.1 no", .remote = "mx",
		.from_peer = true };
	parts = (struct report_parts){ .q = &request, .id = "1", .from = "postmaster@contoso.com",
		.to = "anna@contoso.com", .reporting = "hub.contoso.com", .boundary = "=_b",
		.message_id = "<r@hub>", .lines = &line, .n = 1, .within = true };
}

static char *made(void)
{
	size_t size;
	char *text = report_text(&parts, &size);

	ck_assert_uint_eq(size, strlen(text));
	return text;
}

/* Lines end by CRLF, there is no other control byte, and none is longer than 998. */
static void check_lines(const char *text)
{
	size_t column = 0;

	for (; *text != '\0'; text++) {
		if (text[0] == '\r' && text[1] == '\n') {
			column = 0;
			text++;
			continue;
		}
		ck_assert_msg(*text == '\t' || (unsigned char)*text >= ' ', "byte %d", *text);
		ck_assert_uint_le(++column, 998);
	}
}

static void has(const char *wanted)
{
	char *text = made();

	check_lines(text);
	ck_assert_msg(strstr(text, wanted) != NULL, "no %s in:\n%s", wanted, text);
	free(text);
}

static void has_not(const char *unwanted)
{
	char *text = made();

	check_lines(text);
	ck_assert_msg(strstr(text, unwanted) == NULL, "%s in:\n%s", unwanted, text);
	free(text);
}

/* Every status has words: whole sentences in ASCII. */
START_TEST(words)
{
	static const char *const strange[] = { "", "5", "5.1", "x.y.z", "9.999.999" };
	char status[16];
	int class, subject, detail;
	size_t i;

	for (class = 4; class <= 5; class++)
		for (subject = 0; subject <= 9; subject++)
			for (detail = 0; detail <= 30; detail++) {
				const struct report_words *w;

				snprintf(status, sizeof(status), "%d.%d.%d", class, subject,
					detail);
				w = report_words_of(status);
				ck_assert_int_eq(w->what[strlen(w->what) - 1], '.');
				ck_assert_int_eq(w->todo[strlen(w->todo) - 1], '.');
				ck_assert(smtp_is_ascii(w->what) && smtp_is_ascii(w->todo));
			}
	for (i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
		ck_assert_ptr_nonnull(report_words_of(strange[i])->what);
	ck_assert_str_eq(report_words_of("5.1.1")->what, "The address does not exist.");
	ck_assert_ptr_eq(report_words_of("5.2.2")->todo, report_words_of("4.2.2")->todo);
	ck_assert_ptr_ne(report_words_of("5.7.1"), report_words_of("4.7.1"));
}
END_TEST

static const struct {
	const char *subject, *wanted;
} subjects[] = {
	{ "Figures", "\r\nSubject: Undeliverable: Figures\r\n" },
	{ "", "\r\nSubject: Undeliverable: your message could not be delivered\r\n" },
	{ "a\r\nBcc: b@c", "\r\nSubject: Undeliverable: a Bcc: b@c\r\n" },
	{ "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Undeliverable: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n" },
	{ "Gr\303\274\303\237e", "\r\nSubject: Undeliverable:\r\n =?utf-8?B?R3LDvMOfZQ==?=\r\n" },
	{ "Gr\374\337e", "\r\nSubject: Undeliverable: your message could not be delivered\r\n" },
};

START_TEST(subject)
{
	env.subject = subjects[_i].subject;
	has(subjects[_i].wanted);
}
END_TEST

/* The envelope has 200 bytes of it. */
START_TEST(cut_subject)
{
	char text[ENVELOPE_SUMMARY_MAX + 1];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text + 150, " =?utf-8?Q?", 11);
	env.subject = text;
	has_not("=?");
	/* an encoded word may begin with an escape */
	memcpy(text, "=?utf-8?Q?=C3=9Cber?= ", 22);
	has("Subject: Undeliverable: =?utf-8?Q?=C3=9Cber?=\r\n xxx");
	has_not("xxx =?");
	memset(text, 'x', 22);
	memset(text + 150, 'x', 11);
	text[sizeof(text) - 2] = (char)0xc3;
	has("Subject: Undeliverable:");
	has_not("could not be delivered\r\nDate");
}
END_TEST

START_TEST(references)
{
	has("\r\nIn-Reply-To: <m@x>\r\nReferences: <m@x>\r\n");
	env.message_id = "<a b>";
	has_not("In-Reply-To");
	env.message_id = "<a>\r\nBcc: <b>";
	has_not("In-Reply-To");
	has_not("\r\nBcc");
	env.message_id = "";
	has_not("In-Reply-To");
}
END_TEST

START_TEST(hosts)
{
	line.remote = "192.0.2.9";
	has("\r\nRemote-MTA: dns; [192.0.2.9]\r\n");
	line.remote = "2001:db8::1";
	has("\r\nRemote-MTA: dns; [IPv6:2001:db8::1]\r\n");
	has("\r\nReceived-From-MTA: dns; client.example\r\n");
	env.peer_name = "[192.0.2.1]";
	has("\r\nReceived-From-MTA: dns; [192.0.2.1]\r\n");
	parts.within = false;
	env.auth = ENVELOPE_AUTH_HUB;
	has_not("Received-From-MTA");
}
END_TEST

START_TEST(utf8)
{
	line.orcpt = "utf-8;j\\x{F6}rg@old.example";
	has("\r\nContent-Type: message/delivery-status\r\n\r\n");
	has("\r\nOriginal-Recipient: utf-8; j\\x{F6}rg@old.example\r\n");
	has("charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n");
	line.address = "j\303\266rg@far.example";
	has("\r\nContent-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit"
		"\r\n\r\n");
	has("\r\nOriginal-Recipient: utf-8; j\303\266rg@old.example\r\nFinal-Recipient: utf-8; "
		"j\303\266rg@far.example\r\n");
	has("charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n");
}
END_TEST

/* Nothing that others say breaks the form. */
START_TEST(noise)
{
	char bytes[3000];
	size_t i;
	char *text;

	srandom((unsigned)_i);
	for (i = 0; i < sizeof(bytes) - 1; i++)
		bytes[i] = (char)(1 + random() % (_i % 2 == 0 ? 255 : 64));
	bytes[sizeof(bytes) - 1] = '\0';
	line.words = bytes;
	env.subject = bytes + sizeof(bytes) - 180;
	env.message_id = env.peer_name = env.subject;
	line.via = line.address = line.remote = env.subject;
	text = made();
	check_lines(text);
	free(text);
}
END_TEST

int main(void)
{
	TCase *report = tcase_create("report");

	tcase_add_checked_fixture(report, setup, NULL);
	tcase_add_test(report, words);
	tcase_add_loop_test(report, subject, 0, sizeof(subjects) / sizeof(subjects[0]));
	tcase_add_test(report, cut_subject);
	tcase_add_test(report, references);
	tcase_add_test(report, hosts);
	tcase_add_test(report, utf8);
	tcase_add_loop_test(report, noise, 0, 40);
	return unit_run("report", &report, 1);
}
