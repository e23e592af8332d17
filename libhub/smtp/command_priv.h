/* command_priv.h - what command.c and command_params.c share; for no one else. */
#ifndef HUB_SMTP_COMMAND_PRIV_H
#define HUB_SMTP_COMMAND_PRIV_H

#include "libhub/smtp/command.h"

/* The rest of a line, and where an error goes. */
struct smtp_args {
	const char *p;
	const char *end;
	const struct smtp_command_context *context;
	struct smtp_reply *error;
};

void smtp_args_skip_blanks(struct smtp_args *in);
/* The next word and its length; NULL at the end of the line. */
const char *smtp_args_word(struct smtp_args *in, size_t *n);
/* A decimal number of at most 20 digits; -1 if it is none or does not fit. */
int smtp_args_number(uint64_t *value, const char *p, size_t n);
/* The parameters behind a path. 0, or -1 with the reply in in->error. */
int smtp_mail_params_parse(struct smtp_command_mail *m, struct smtp_args *in);
int smtp_rcpt_params_parse(struct smtp_command_rcpt *r, struct smtp_args *in);

#endif
