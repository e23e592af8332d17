/* words.c - see words.h. Written for a sender who knows nothing of mail servers. */
#include "hubd/report/words.h"

#include <string.h>

#include "libhub/base/err.h"
#include "libhub/smtp/reply.h"

#define OTHER_WAY "Tell the recipient in another way, by telephone for example"
#define ASK_ADMIN "You can do nothing about it yourself. Show this report to your mail " \
	"administrator."
#define LATER "Send the message again in some hours."
#define WHEN_FULL "Send the message again in a few days. " OTHER_WAY ", if it is urgent."

enum { ANY = -1 };

/* The first row that fits counts. */
static const struct row {
	int class, subject, detail;
	struct report_words words;
} rows[] = {
	/* what may still turn out well; a failure can have it as its last reason */
	{ 4, 1, ANY, { "The address could not be checked.",
		"Check it for mistakes, and send the message again in some hours." } },
	{ 4, 2, 2, { "The mailbox of the recipient is full.",
		WHEN_FULL } },
	{ 4, 2, ANY, { "The mailbox of the recipient does not take the message at present.",
		LATER } },
	{ 4, 6, ANY, { "The message was not accepted at present.",
		LATER } },
	{ 4, 7, ANY, { "The mail system of the recipient holds the message back for now, or the "
		"connection with it is not as safe as it has to be.",
		LATER } },
	{ 4, 0, ANY, { "The message was not accepted at present.",
		LATER } },

	/* the address */
	{ ANY, 1, 1, { "The address does not exist.",
		"Check the address for mistakes and send the message again to the right one. If "
		"your mail program filled the address in by itself, delete that proposal and "
		"type it in full. Somebody who left may have had it." } },
	{ ANY, 1, 2, { "The address leads nowhere: what stands behind the @, or the kind of "
		"address, is not known to any mail system that can be reached.",
		"Check the address for mistakes, above all behind the @, and send the message "
		"again." } },
	{ ANY, 1, 3, { "The address is not written as addresses are.",
		"Check it for blanks, missing or strange characters, and send the message "
		"again." } },
	{ ANY, 1, 4, { "The address stands for more than one recipient by mistake, so nobody got "
		"the message.",
		"Use another address of the recipient, and let the recipient's mail "
		"administrator know." } },
	{ ANY, 1, 6, { "The recipient has moved and left no new address.",
		"Ask the recipient for the new address." } },
	{ ANY, 1, 7, { "The other side did not accept your address as that of a sender.",
		"Check the address that your mail program sends from." } },
	{ ANY, 1, 8, { "The other side could not find the mail system of your own address.",
		ASK_ADMIN } },
	{ ANY, 1, 10, { "The domain of the address says that it takes no mail at all.",
		"Check what stands behind the @ for mistakes. If it is right, reach the "
		"recipient in another way." } },
	{ ANY, 1, ANY, { "The address was not accepted.",
		"Check the address for mistakes and send the message again." } },

	/* the mailbox */
	{ ANY, 2, 1, { "The mailbox exists, but is switched off or takes no mail from you.",
		OTHER_WAY "." } },
	{ ANY, 2, 2, { "The mailbox of the recipient is full.",
		WHEN_FULL } },
	{ ANY, 2, 3, { "The message is larger than this recipient may receive.",
		"Send it without attachments or in several smaller messages, or put the files "
		"where the recipient can fetch them." } },
	{ ANY, 2, 4, { "The address is a list or group, and its members could not be found.",
		"Write to its members themselves, and tell its owner." } },
	{ ANY, 2, ANY, { "The mailbox of the recipient cannot take the message.",
		OTHER_WAY "." } },

	/* a mail system */
	{ ANY, 3, 1, { "A mail system on the way has no room left.",
		LATER } },
	{ ANY, 3, 2, { "The mail system of the recipient takes no messages now.",
		LATER } },
	{ ANY, 3, 4, { "The message is too large for a mail system on the way.",
		"Send it without attachments or in several smaller messages, or put the files "
		"where the recipient can fetch them." } },
	{ ANY, 3, ANY, { "A mail system on the way is not in order.",
		"Send the message again in some hours. If that fails too, show this report to "
		"your mail administrator." } },

	/* the way */
	{ ANY, 4, 1, { "The mail system of the recipient does not answer.",
		"Check what stands behind the @ for mistakes. If it is right, send the message "
		"again in some hours." } },
	{ ANY, 4, 2, { "The connection with the mail system of the recipient broke.",
		LATER } },
	{ ANY, 4, 3, { "It could not be found out which mail system takes mail for the address.",
		"Check what stands behind the @ for mistakes. If it is right, send the message "
		"again in some hours." } },
	{ ANY, 4, 4, { "No mail system that takes mail for the address can be found.",
		"Check what stands behind the @ for mistakes." } },
	{ ANY, 4, 5, { "The mail system of the recipient has too much to do.",
		LATER } },
	{ ANY, 4, 6, { "The message went round in a circle between mail systems and was stopped.",
		"A forwarding that leads back to where it began may be the cause: if you or the "
		"recipient set one up, remove it. Otherwise show this report to your mail "
		"administrator." } },
	{ ANY, 4, 7, { "The message could not be delivered in the time allowed for it.",
		"Check the address for mistakes, above all behind the @. If it is right, the "
		"mail system of the recipient had trouble for a long time: send the message "
		"again later, or reach the recipient in another way." } },
	{ ANY, 4, ANY, { "The message found no way to the mail system of the recipient.",
		"Check what stands behind the @ for mistakes. If it is right, send the message "
		"again in some hours." } },

	/* what was said on the way */
	{ ANY, 5, 3, { "The message has more recipients than the other side takes at once.",
		"Send it to fewer recipients at a time." } },
	{ ANY, 5, ANY, { "The mail systems did not understand each other.",
		ASK_ADMIN } },

	/* the content */
	{ ANY, 6, 7, { "The address has letters beyond A to Z, which the other side cannot take.",
		"Ask the recipient for another address, in plain letters." } },
	{ ANY, 6, 9, { "The subject or another part of the header has letters in a form that the "
		"other side cannot take.",
		"Send the message again with plain letters in its subject and in the names of "
		"its recipients and files." } },
	{ ANY, 6, 3, { "The message has a form that the other side cannot take, and it could not "
		"be converted.",
		"Send it again as plain text, without a signature or encryption if it has one." } },
	{ ANY, 6, ANY, { "The content of the message was not accepted.",
		"Send it again as plain text and without attachments, or ask the recipient what "
		"is accepted." } },

	/* what is permitted */
	{ ANY, 7, 0, { "A rule or an administrator stopped the message.",
		"If you think that it should have passed, show this report to your mail "
		"administrator." } },
	{ ANY, 7, 1, { "You are not permitted to send this to this address.",
		"If it is a group or belongs to somebody who hears only some senders, ask its "
		"owner to admit you. If the answer speaks of unwanted mail (spam), change what "
		"may have looked like it, such as links and attachments." } },
	{ ANY, 7, 2, { "You are not permitted to send to this list.",
		"Ask the owner of the list to admit you." } },
	{ ANY, 7, 8, { "Our own mail system was not let in where it hands such mail on.",
		"This is no fault of yours. Send the message again when your mail administrator "
		"has put it right." } },
	{ ANY, 7, 10, { "The message may only travel encrypted, and the other side does not "
		"encrypt.",
		OTHER_WAY "." } },
	{ ANY, 7, 20, { "The other side could not make sure that the message is yours.",
		ASK_ADMIN } },
	{ ANY, 7, 21, { "The other side could not make sure that the message is yours.",
		ASK_ADMIN } },
	{ ANY, 7, 23, { "The other side does not believe that our mail system may send for your "
		"address.",
		ASK_ADMIN } },
	{ ANY, 7, 25, { "The other side does not trust our mail system.",
		ASK_ADMIN } },
	{ ANY, 7, 26, { "The other side could not make sure that the message is yours.",
		ASK_ADMIN } },
	{ ANY, 7, 27, { "Your address says that it takes no mail, so the other side takes none "
		"from it.",
		"Send the message from an address that can be answered." } },
	{ ANY, 7, 28, { "The other side received too many messages in a short time.",
		LATER } },
	{ ANY, 7, ANY, { "The message was refused for reasons of security.",
		"If you think that it should have passed, change what may have looked "
		"suspicious, such as links and attachments, or show this report to your mail "
		"administrator." } },

	{ ANY, ANY, ANY, { "The message was refused.",
		"If the answer does not tell you why, show this report to your mail "
		"administrator." } },
};

static bool is(int wanted, int have)
{
	return wanted == ANY || wanted == have;
}

const struct report_words *report_words_of(const char *status)
{
	struct smtp_enhanced x = { 0, 0, 0 };
	size_t i;

	(void)smtp_enhanced_parse(&x, status, strlen(status));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (is(rows[i].class, x.class) && is(rows[i].subject, x.subject) &&
			is(rows[i].detail, x.detail))
			return &rows[i].words;
	err_bug(__FILE__, __LINE__, "the table has no last row");
}

const struct report_kind_words report_kinds[QUEUE_REPORT_KINDS] = {
	[QUEUE_REPORT_FAILED] = { "failed", "Undeliverable: ",
		"Undeliverable: your message could not be delivered",
		"Your message could not be delivered to:", "" },
	[QUEUE_REPORT_DELAYED] = { "delayed", "Delayed: ",
		"Delayed: your message has not been delivered yet",
		"Your message has not been delivered yet to:", "" },
	[QUEUE_REPORT_RELAYED] = { "relayed", "Relayed: ", "Relayed: your message was handed on",
		"Your message was handed on for:",
		"The mail system that has it now confirms no deliveries, so you will only hear of "
		"it again if something goes wrong." },
	[QUEUE_REPORT_EXPANDED] = { "expanded", "Delivered: ",
		"Delivered: your message has arrived",
		"Your message has reached this group and was sent on to its members:",
		"You will not be told of the delivery to each member, only if something goes "
		"wrong." },
	[QUEUE_REPORT_DELIVERED] = { "delivered", "Delivered: ",
		"Delivered: your message has arrived",
		"Your message was delivered to:",
		"It is in the mailbox. That does not say that it has been read." },
};
