/* verb_misc.c - the verbs that need no file of their own: RSET, NOOP, VRFY, HELP, QUIT. */
#include "hubd/receive/session.h"

void verb_rset(struct session *s, const struct smtp_command *c)
{
	(void)c;
	session_reset(s);
	session_reply(s, 250, "2.0.0", "reset");
}

void verb_noop(struct session *s, const struct smtp_command *c)
{
	(void)c;
	session_reply(s, 250, "2.0.0", "OK");
}

/* RFC 5321 section 7.3: an answer would help those who harvest addresses. */
void verb_vrfy(struct session *s, const struct smtp_command *c)
{
	(void)c;
	session_reply(s, 252, "2.1.5", "cannot verify, but will take mail and try to deliver it");
}

void verb_help(struct session *s, const struct smtp_command *c)
{
	(void)c;
	session_reply(s, 214, "2.0.0", "RFC 5321: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY "
		"STARTTLS AUTH QUIT");
}

void verb_quit(struct session *s, const struct smtp_command *c)
{
	(void)c;
	s->finished = true;
	session_reply(s, 221, "2.0.0", "%s closing", session_fqdn(s));
}
