/* pickup_header.c - the envelope from the message's own fields. See file_header.h. */
#include <string.h>
#include <strings.h>

#include "hubd/pickup/file_header_priv.h"
#include "libhub/smtp/mailbox_list.h"

static const char *text_of(struct reading *r, const struct smtp_address *a)
{
	r->out->smtputf8 = r->out->smtputf8 || a->utf8;
	return arena_strndup(r->arena, a->text, a->length);
}

static int unreadable(struct reading *r, const struct field *f)
{
	return file_rule(r, "address", "%s cannot be read, or has a bad address", f->name);
}

static int take_authors(struct reading *r, const struct field *f, uint32_t *count,
	const char **first)
{
	struct mailbox_list list;
	struct smtp_address a;
	int rc;

	mailbox_list_init(&list, f->value, strlen(f->value));
	while ((rc = mailbox_list_next(&list, &a)) > 0)
		if ((*count)++ == 0)
			*first = text_of(r, &a);
	return rc == 0 ? 0 : unreadable(r, f);
}

static int take_recipients(struct reading *r, const struct field *f, bool visible)
{
	struct mailbox_list list;
	struct smtp_address a;
	int rc;

	mailbox_list_init(&list, f->value, strlen(f->value));
	while ((rc = mailbox_list_next(&list, &a)) > 0) {
		const struct envelope_recipient to = { .address = text_of(r, &a), .orcpt = "",
			.original = "" };

		if (file_add_recipient(r, &to) != 0)
			return -1;
		r->has_visible = r->has_visible || visible;
	}
	return rc == 0 ? 0 : unreadable(r, f);
}

int pickup_take(struct reading *r, const struct field *f)
{
	if (field_is(f, "From"))
		return take_authors(r, f, &r->from_count, &r->from);
	if (field_is(f, "Sender"))
		return take_authors(r, f, &r->sender_count, &r->header_sender);
	if (field_is(f, "To") || field_is(f, "Cc"))
		return take_recipients(r, f, true);
	if (field_is(f, "Bcc"))
		return take_recipients(r, f, false);
	return 0;
}

/* How it came here is not for the file to say; nor for whom else it is. */
bool pickup_keeps(const struct field *f)
{
	return !field_is(f, "Received") && strncasecmp(f->name, "Resent-", 7) != 0;
}

int pickup_end(struct reading *r)
{
	if (r->from_count + r->sender_count == 0)
		return file_rule(r, "sender", "no address in From or Sender");
	if (r->sender_count > 1)
		return file_rule(r, "sender", "Sender has %u addresses", r->sender_count);
	if (r->from_count > 1 && r->sender_count == 0)
		return file_rule(r, "sender", "From has %u addresses, and there is no Sender",
			r->from_count);
	if (r->out->recipient_count == 0)
		return file_rule(r, "recipients", "no address in To, Cc or Bcc");
	r->out->sender = r->from_count == 1 ? r->from : r->header_sender;
	if (!r->has_visible)
		fputs("To: undisclosed-recipients:;\r\n", r->head);
	return 0;
}
