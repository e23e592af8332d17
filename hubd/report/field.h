/* field.h - writing what others said into a report: clean, folded, wrapped. */
#ifndef HUB_REPORT_FIELD_H
#define HUB_REPORT_FIELD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* As it is, but a blank for each control byte; what is not ASCII becomes '?' unless utf8. */
void field_put_clean(FILE *f, const char *text, bool utf8);
/* "Name: type; text" and its line end, as text is but cleaned. type may be NULL. */
void field_put(FILE *f, const char *name, const char *type, const char *text, bool utf8);
/* The same, with runs of blanks as one, folded between words (RFC 5322 section 2.2.3). */
void field_put_folded(FILE *f, const char *name, const char *type, const char *text, bool utf8);
void field_put_date(FILE *f, const char *name, int64_t wall_s);
/* Text of sentences, each line after so many blanks. */
void field_put_wrapped(FILE *f, int indent, const char *text, bool utf8);

#endif
