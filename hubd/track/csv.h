/* csv.h - one line of comma-separated values (RFC 4180), safe with anything from outside.
 *
 * A line of the log stays one line, whatever a peer sent: control bytes, what is not UTF-8, and a
 * backslash before an x are written as \xNN, so nothing is lost and nothing looks like something
 * else. Fields with commas or quotes are quoted. A field longer than its bound is cut and says so.
 * Pure.
 */
#ifndef HUB_TRACK_CSV_H
#define HUB_TRACK_CSV_H

#include <stddef.h>
#include <stdint.h>

enum { CSV_FIELD_MAX = 2048, CSV_LINE_MAX = 32 * 1024 };

struct csv {
	size_t used;
	size_t fields;
	char text[CSV_LINE_MAX];
};

void csv_begin(struct csv *c);
/* p may be NULL when n is 0: an empty field. At most CSV_FIELD_MAX bytes of it are shown. */
void csv_put(struct csv *c, const char *p, size_t n);
/* A text of ours; NULL is an empty field. Bounded and escaped likewise. */
void csv_put_text(struct csv *c, const char *text);
/* What is made of our own numbers and names: as it is. */
void csv_put_plain(struct csv *c, const char *text);
void csv_put_uint(struct csv *c, uint64_t n);
/* Ends the line. */
void csv_end(struct csv *c);

#endif
