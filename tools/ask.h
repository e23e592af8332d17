/* ask.h - a question to the server that the command line means. */
#ifndef HUB_TOOLS_ASK_H
#define HUB_TOOLS_ASK_H

#include "tools/http.h"

/*
 * By the control socket if --server is not given or names the server there, else at the
 * hubAdminAddress that the directory has for it. Fills the answer of call; server need not be set.
 */
void ask_server(struct ctl *ctl, struct http_call *call);
/* At the other address of that server, where another daemon of it listens. */
void ask_server_at(struct ctl *ctl, const char *address, struct http_call *call);
/* Prints the reason, with the server's name if one was given; gives CTL_FAILED. */
int ask_failed(const struct ctl *ctl, const char *reason);

#endif
