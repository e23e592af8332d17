/* plain.h - the lines of nearly all mail: ended by CRLF, with nothing to add or take away. Pure. */
#ifndef HUB_SMTP_PLAIN_H
#define HUB_SMTP_PLAIN_H

#include <stddef.h>

/*
 * p is at the start of a line. How many bytes are whole lines that end by CRLF, have no other CR or
 * LF and do not begin with a dot? Behind them is the start of a line. It may be less than there is:
 * who needs all looks at the rest in another way.
 */
size_t smtp_plain_lines(const char *p, size_t n);

#endif
