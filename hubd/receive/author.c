/* author.c - see author.h */
#include "hubd/receive/author.h"

#include <string.h>
#include <strings.h>

#include "hubd/receive/session.h"
#include "libhub/smtp/mailbox_list.h"

/*
 * By the record that both addresses lead to: which of its addresses is shown is no matter, and two
 * entries with one address are not each other.
 */
enum author author_of(const struct session *s, const char *address)
{
	struct recipients *all = s->receiver->live->recipients;
	const char *mine = s->identity_mail != NULL ? s->identity_mail : "";
	struct recipient_info own, info;
	enum author found = AUTHOR_FOREIGN;

	if (strcasecmp(mine, address) == 0)
		return AUTHOR_OWN;
	if (*mine == '\0')
		return AUTHOR_FOREIGN;
	recipients_find(all, mine, &own);
	recipients_find(all, address, &info);
	if (info.outcome == RECIPIENT_NOT_LOADED || own.outcome == RECIPIENT_NOT_LOADED)
		found = AUTHOR_NOT_KNOWN;
	else if (info.outcome == RECIPIENT_MAILBOX && own.outcome == RECIPIENT_MAILBOX &&
		strcmp(info.mail, own.mail) == 0)
		found = AUTHOR_OWN;
	recipient_info_clear(&own);
	recipient_info_clear(&info);
	return found;
}

enum author author_judge(const char *value, size_t n, void *session)
{
	enum author worst = AUTHOR_OWN, one;
	struct mailbox_list list;
	struct smtp_address a;
	size_t found = 0;
	int rc;

	if (n >= SMTP_HEADER_VALUE_MAX)
		return AUTHOR_FOREIGN;
	mailbox_list_init(&list, value, n);
	while ((rc = mailbox_list_next(&list, &a)) > 0) {
		one = author_of(session, a.text);
		worst = one > worst ? one : worst;
		found++;
	}
	return rc < 0 || found == 0 ? AUTHOR_FOREIGN : worst;
}
