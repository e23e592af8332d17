/* peer.h - a scripted peer for tests of protocol clients, at the other end of a socket pair.
 *
 * A script is lines, each a letter and a text:
 *	S text	sends text and CRLF			R text	sends text as it is, in one packet
 *	C text	waits for exactly this line		P text	waits for a line that begins so
 *	L text	the same with CRLF			D n	waits for n bytes of any kind
 *	T text	sends text and CRLF, then shakes hands as TLS server (peer_set_tls)
 *	X	closes the connection			W	waits for the end of input
 * A line that differs ends the script; what was expected and what came is in peer_trouble.
 */
#ifndef HUB_TESTS_PEER_H
#define HUB_TESTS_PEER_H

#include <stdbool.h>

#include "libhub/base/loop.h"
#include "libhub/tls/context.h"

struct peer;

/* *fd is the other end. */
struct peer *peer_new(struct loop *l, const char *script, int *fd);
/* On a connection that was accepted. */
struct peer *peer_adopt(struct loop *l, const char *script, int fd);
/* Before any T; borrowed. */
void peer_set_tls(struct tls_context *tls);
/* The whole script has been played. */
bool peer_done(const struct peer *p);
/* What went wrong, or NULL. */
const char *peer_trouble(const struct peer *p);
void peer_free(struct peer **p);

#endif
