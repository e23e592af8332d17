/* fuzz_pickup.c - fuzz target for the headers of pickup and replay files, and encapsulation.
 *
 * The first byte chooses: p and r for a file of either directory, e for an address. What is stored
 * of a header is one by itself: whole lines, no Bcc, an empty line only at its end, and read again
 * it says the same. An encapsulated address opens to text that encapsulates to it.
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "hubd/pickup/file_header.h"
#include "libhub/smtp/encapsulation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16, RECIPIENTS = 50 };

static const struct file_header_limits limits = { .max_recipients = RECIPIENTS };
static const struct file_header_defaults defaults = {
	.message_id = "<new@x.example>", .date = "Sat, 21 Nov 2026 12:00:00 +0000",
};

static void check_address_text(const char *text, bool may_be_null)
{
	struct smtp_address a;
	struct err e;

	BUG_ON(*text == '\0' && !may_be_null);
	BUG_ON(smtp_address_parse(&a, text, strlen(text), SMTP_ADDRESS_UTF8 | SMTP_ADDRESS_NULL |
		SMTP_ADDRESS_POSTMASTER, &e) != 0 && *text != '\0');
}

/* Every line ends by CRLF, none but the last is empty. */
static void check_head(const struct file_header *h)
{
	const char *p = h->head, *end = p + h->head_size, *lf;
	bool empty = false;

	BUG_ON(strlen(p) != h->head_size);
	for (; p < end; p = lf + 1) {
		BUG_ON(empty);
		lf = memchr(p, '\n', (size_t)(end - p));
		BUG_ON(lf == NULL || lf == p || lf[-1] != '\r');
		BUG_ON(memchr(p, '\r', (size_t)(lf - p)) != lf - 1);
		BUG_ON(strncasecmp(p, "Bcc:", 4) == 0);
		empty = lf - 1 == p;
	}
	BUG_ON(!empty);
}

static void try_file(enum pickup_kind kind, const char *p, size_t n)
{
	size_t size = file_header_find_end(p, n);
	struct arena *a = arena_new();
	const char *rule = NULL;
	struct file_header *h;
	struct err e = { .text = "" };
	uint32_t i;

	BUG_ON(size > n);
	h = size != 0 ? file_header_read(kind, p, size, &limits, &defaults, a, &rule, &e) : NULL;
	BUG_ON(size != 0 && h == NULL && (rule == NULL || e.text[0] == '\0'));
	if (h != NULL) {
		BUG_ON(h->recipient_count == 0 || h->recipient_count > RECIPIENTS);
		check_address_text(h->sender, kind == PICKUP_KIND_REPLAY);
		for (i = 0; i < h->recipient_count; i++)
			check_address_text(h->recipients[i].address, false);
		check_head(h);
		BUG_ON(file_header_find_end(h->head, h->head_size) != h->head_size);
	}
	arena_free(&a);
}

static void try_encapsulated(const char *p, size_t n)
{
	char text[SMTP_ADDRESS_SIZE * 2], back[SMTP_ADDRESS_SIZE];
	struct encapsulated e, again;

	if (n >= sizeof(text))
		return;
	memcpy(text, p, n);
	text[n] = '\0';
	if (encapsulation_read(text, &e) != ENCAPSULATION_WHOLE)
		return;
	BUG_ON(strpbrk(e.text, "\r\n") != NULL || strcmp(e.type, "SMTP") == 0);
	if (encapsulation_write(back, e.type, e.text, "x.example") != 0)
		return;
	BUG_ON(encapsulation_read(back, &again) != ENCAPSULATION_WHOLE);
	BUG_ON(strcmp(e.type, again.type) != 0 || strcmp(e.text, again.text) != 0);
	check_address_text(back, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	if (data[0] == 'p')
		try_file(PICKUP_KIND_PICKUP, p, size - 1);
	else if (data[0] == 'r')
		try_file(PICKUP_KIND_REPLAY, p, size - 1);
	else if (data[0] == 'e')
		try_encapsulated(p, size - 1);
	return 0;
}
