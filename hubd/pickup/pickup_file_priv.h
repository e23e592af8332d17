/* pickup_file_priv.h - a file on its way into the spool: what its parts share. The pickup's thread.
 *
 * Looked at, opened and renamed (pickup_look.c), its header read and judged (pickup_file.c), the
 * rest streamed into a draft, all in one go unless the spool asks to wait, and committed
 * (pickup_content.c); or given back, or put aside (pickup_end.c). What a look finds wrong is final
 * only when no writer can be about to mend it: a file that is open for writing is left alone, and
 * one that changed while it was read is given back.
 */
#ifndef HUB_PICKUP_PICKUP_FILE_PRIV_H
#define HUB_PICKUP_PICKUP_FILE_PRIV_H

#include "hubd/pickup/pickup_priv.h"
#include "hubd/receive/intake.h"

enum {
	PICKUP_PIECE = 64 * 1024,
	REPLAY_HEADER_MAX = 16 * 1024 * 1024,	/* 100,000 recipients fit */
};

struct pickup_file {
	struct pickup_file *prev, *next;
	struct pickup_folder *folder;
	char *name, *temp;
	int fd;
	struct stat st;
	bool trusted;
	struct arena *arena;		/* gone to the message when that is committed */
	struct envelope *env;
	bool body_given;
	struct intake *intake;
	uint64_t minute_ms;		/* in whose count it is */
	uint64_t at;			/* read so far */
	bool cr, in_line, eight_bit;	/* of what went into the intake */
	struct message *message;	/* being committed */
};

/* --- pickup_look.c --- */

/* Somebody wrote, or gave it to another, since it was looked at. */
bool file_has_changed(const struct pickup_file *x);

/* --- pickup_file.c --- */

/* It is renamed and x's alone: reads its header, and goes on. */
void file_begin(struct pickup_file *x);

/* --- pickup_content.c --- */

ssize_t file_read_at(const struct pickup_file *x, char *buf, size_t size, uint64_t at);
void file_look_for_8bit(struct pickup_file *x, const char *p, size_t n);
/* Reads on from x->at to its end, or until the spool has no room. */
void file_step(struct pickup_file *x);

/* --- pickup_end.c; x is gone where it says so --- */

/* It stays where it is, which is said once. */
void file_leave(struct pickup_folder *f, const char *name, const struct stat *st,
	const char *reason);
/* False, and errno: it cannot be renamed. */
bool file_put_aside(struct pickup_folder *f, const char *at, const char *name,
	const struct stat *st, const char *rule, const char *reason);
/* It breaks a rule. x is gone. */
void file_bad(struct pickup_file *x, const char *rule, const char *reason);
/* Its name as it was: it is looked at again later. */
void file_give_back(struct pickup_file *x, const char *reason);
/* The same; x is gone. */
void file_return(struct pickup_file *x, const char *reason);
/* Its message is safe in the spool. x is gone. */
void file_taken(struct pickup_file *x);
/* x is gone; the first tells nobody. */
void file_release(struct pickup_file *x);
void file_over(struct pickup_file *x);

#endif
