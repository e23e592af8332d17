/* test_encapsulation.c - addresses of other types within SMTP */
#include <string.h>

#include "libhub/smtp/encapsulation.h"
#include "unit.h"

enum { NONE = ENCAPSULATION_NONE, WHOLE = ENCAPSULATION_WHOLE, BROKEN = ENCAPSULATION_BROKEN };

static const struct { const char *address; int what; const char *type, *text; } rows[] = {
	{ "IMCEAFAX-+2B1234@contoso.com", WHOLE, "FAX", "+1234" },
	{ "imceafax-1234@contoso.com", WHOLE, "FAX", "1234" },
	{ "IMCEAFAX-1", WHOLE, "FAX", "1" },
	{ "IMCEAX400-_c=US_a=att_p=x_s=O+27Neil@contoso.com", WHOLE, "X400",
		"/c=US/a=att/p=x/s=O'Neil" },
	{ "IMCEANOTES-Joe+20Smith_Lab+40Site@contoso.com", WHOLE, "NOTES", "Joe Smith/Lab@Site" },
	{ "IMCEAFAX-a-b=c@contoso.com", WHOLE, "FAX", "a-b=c" },
	{ "IMCEAFAX-+2b+5F@contoso.com", WHOLE, "FAX", "+_" },
	/* ordinary addresses */
	{ "anna@contoso.com", NONE, NULL, NULL },
	{ "IMCEA@contoso.com", NONE, NULL, NULL },
	{ "IMCEAFAX@contoso.com", NONE, NULL, NULL },
	{ "IMCEA.FAX-1@contoso.com", NONE, NULL, NULL },
	{ "anna@IMCEAFAX-1", NONE, NULL, NULL },
	{ "\"IMCEAFAX-1\"@contoso.com", NONE, NULL, NULL },
	{ "", NONE, NULL, NULL },
	/* neither */
	{ "IMCEA-1@contoso.com", BROKEN, NULL, NULL },
	{ "IMCEAFAX-@contoso.com", BROKEN, NULL, NULL },
	{ "IMCEAFAX-+2@contoso.com", BROKEN, NULL, NULL },
	{ "IMCEAFAX-1+@contoso.com", BROKEN, NULL, NULL },
	{ "IMCEAFAX-+2G@contoso.com", BROKEN, NULL, NULL },
	{ "IMCEAFAX-+0D+0A@contoso.com", BROKEN, NULL, NULL },
	{ "IMCEAFAX-+00@contoso.com", BROKEN, NULL, NULL },
	{ "IMCEAFAX-+7F@contoso.com", BROKEN, NULL, NULL },
	{ "IMCEAFAX-+E4@contoso.com", BROKEN, NULL, NULL },
	{ "IMCEAFAX-\303\244@contoso.com", BROKEN, NULL, NULL },
	{ "IMCEAFAX-1.2@contoso.com", BROKEN, NULL, NULL },
	{ "IMCEASMTP-anna+40fabrikam.example@contoso.com", BROKEN, NULL, NULL },
	{ "IMCEAsmtp-x@contoso.com", BROKEN, NULL, NULL },
	{ "IMCEAABCDEFGHIJKLMNOPQRSTUVWXYZ0123456-1@contoso.com", BROKEN, NULL, NULL },
};

START_TEST(reading)
{
	struct encapsulated e = { .type = "?", .text = "?" };

	ck_assert_int_eq((int)encapsulation_read(rows[_i].address, &e), rows[_i].what);
	if (rows[_i].what != WHOLE)
		return;
	ck_assert_str_eq(e.type, rows[_i].type);
	ck_assert_str_eq(e.text, rows[_i].text);
}
END_TEST

static const struct { const char *type, *text, *address; } written[] = {
	{ "FAX", "+1234", "IMCEAFAX-+2B1234@contoso.com" },
	{ "fax", "1/2", "IMCEAFAX-1_2@contoso.com" },
	{ "X400", "c=US;a=x", "IMCEAX400-c=US+3Ba=x@contoso.com" },
	{ "FAX", "a_b~", "IMCEAFAX-a+5Fb+7E@contoso.com" },
	{ "FAX", "", NULL },
	{ "", "1", NULL },
	{ "A-B", "1", NULL },
	{ "SMTP", "a@b", NULL },
	{ "FAX", "1\n", NULL },
	{ "FAX", "\303\244", NULL },
};

START_TEST(writing)
{
	char address[SMTP_ADDRESS_SIZE];
	struct encapsulated e;
	int rc = encapsulation_write(address, written[_i].type, written[_i].text, "contoso.com");

	ck_assert_int_eq(rc, written[_i].address != NULL ? 0 : -1);
	if (rc != 0)
		return;
	ck_assert_str_eq(address, written[_i].address);
	ck_assert_int_eq(encapsulation_read(address, &e), ENCAPSULATION_WHOLE);
	ck_assert_str_eq(e.text, written[_i].text);
}
END_TEST

/* Up to what an address may have, where an ordinary local part may not. */
START_TEST(long_ones)
{
	char text[SMTP_ADDRESS_SIZE], address[SMTP_ADDRESS_SIZE];
	struct smtp_address a;
	struct err e;
	size_t n;

	for (n = 1; n < 300; n++) {
		memset(text, 'x', n);
		text[n] = '\0';
		if (encapsulation_write(address, "FAX", text, "contoso.com") != 0)
			break;
		ck_assert_int_eq(smtp_address_parse(&a, address, strlen(address), 0, &e), 0);
		ck_assert_str_eq(a.text, address);
	}
	ck_assert_uint_eq(n, SMTP_ADDRESS_MAX - strlen("IMCEAFAX-@contoso.com") + 1);
	memset(address, 'x', SMTP_LOCAL_MAX + 1);
	memcpy(address + SMTP_LOCAL_MAX + 1, "@b.example", 11);
	ck_assert_int_eq(smtp_address_parse(&a, address, strlen(address), 0, &e), -1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("encapsulation");

	tcase_add_loop_test(tc, reading, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tc, writing, 0, sizeof(written) / sizeof(written[0]));
	tcase_add_test(tc, long_ones);
	return unit_run("encapsulation", &tc, 1);
}
