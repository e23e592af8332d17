/* ldif.h - content records (RFC 2849) to and from files. Any thread.
 *
 * Writing goes to a temporary file that is synced and renamed: a crash leaves the old or the new
 * file, never half of one.
 */
#ifndef HUB_DIRECTORY_LDIF_H
#define HUB_DIRECTORY_LDIF_H

#include "libhub/base/err.h"
#include "libhub/directory/entry.h"

/* Calls cb for each record; e->text is "FILE:LINE: reason". entryUUID becomes uuid. */
int ldif_read(const char *path, void (*cb)(const struct entry *e, void *ctx), void *ctx,
	struct err *e) MUST_CHECK;

/* The same of a text in memory; name stands for the file. */
int ldif_read_text(const char *name, const char *text, size_t size,
	void (*cb)(const struct entry *e, void *ctx), void *ctx, struct err *e) MUST_CHECK;
/* Lines of one record to a stream, without the empty line behind it. */
void ldif_print(FILE *out, const struct entry *e);

struct ldif_writer;

/* mode 0600: entries may carry secrets. */
struct ldif_writer *ldif_writer_open(const char *path, struct err *e) MUST_CHECK;
/* comment: one line, may be NULL. */
void ldif_write(struct ldif_writer *w, const struct entry *e, const char *comment);
/* A line that readers skip, between records or after the last one. */
void ldif_write_comment(struct ldif_writer *w, const char *comment);
/* Syncs and renames; frees the writer in either case. */
int ldif_writer_commit(struct ldif_writer **w, struct err *e) MUST_CHECK;
void ldif_writer_abort(struct ldif_writer **w);

#endif
