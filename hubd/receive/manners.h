/* manners.h - what no mail client does, by which a session that is none of mail is told at once.
 *
 * Programs that are made to speak to us by somebody else (a browser, a web server that fetches what
 * it is told to, a worm that sends all its commands blindly) do not listen and do not know where
 * they are. None of what they send is obeyed. Owning loop's thread.
 */
#ifndef HUB_RECEIVE_MANNERS_H
#define HUB_RECEIVE_MANNERS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Has the peer said something already? RFC 5321 section 3.1: a client waits for the greeting. Asked
 * before it is written; costs one system call.
 */
bool manners_spoke_first(int fd);

/* Is the line the first of an HTTP request? Its methods are no SMTP verbs. */
bool manners_is_web(const char *line, size_t n);

#endif
