/* pickup_priv.h - what the files of this folder share. All of it belongs to the pickup's thread. */
#ifndef HUB_PICKUP_PICKUP_PRIV_H
#define HUB_PICKUP_PICKUP_PRIV_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "hubd/pickup/file_header.h"
#include "hubd/pickup/pickup.h"

struct pickup_file;

/* One of the two directories. */
struct pickup_folder {
	struct pickup *pickup;
	enum pickup_kind kind;
	char *path;			/* that is open, or should be; NULL = none */
	int dir;			/* -1 = not open */
	struct stat st;
	struct event *poll;
	int inotify;
	struct event *watch;
	bool scan_due, next_due;
	char *problem;			/* told last; NULL = none */
	/* names seen and not looked at yet */
	char **names;
	size_t n_names, at;
	bool more;			/* there were more than fit */
	bool progress;			/* one of them is not there any more */
	struct pickup_file *files;	/* under way */
	size_t n_files;
	uint64_t rest_until_ms;		/* one was given back: nothing is taken before */
	struct timespec told_until, told_next;	/* see folder_is_news */
	uint64_t minute_ms;		/* the present minute began */
	uint64_t minute_max, minute_count;	/* its limit, its messages */
};

struct pickup {
	struct pickup_config cfg;
	pthread_t thread;
	bool started;
	struct loop *loop;
	struct inbox *orders, *replies;
	struct spool_port *port;
	const struct live *live;
	struct pickup_folder folders[PICKUP_KINDS];
	struct order *stopping;		/* the order that waits for its answer */
	bool closed, ended;
};

extern const char *const pickup_kind_names[PICKUP_KINDS];	/* "Pickup", "Replay" */

/* --- pickup.c --- */

/* Something ended: perhaps all has, and somebody waits for that. */
void pickup_file_ended(struct pickup *p);

/* --- pickup_folder.c --- */

void folder_init(struct pickup_folder *f, struct pickup *p, enum pickup_kind kind);
void folder_deinit(struct pickup_folder *f);
/* The configuration may name another directory. */
void folder_set_live(struct pickup_folder *f);
/* Takes no more; what is not decided goes back. */
void folder_stop(struct pickup_folder *f);
/* A file has ended: goes on with the next name, soon. */
void folder_has_room(struct pickup_folder *f);
/* A file has been given back: it wakes the watch, and must not be taken again at once. */
void folder_rest(struct pickup_folder *f);
/* What is wrong with a file that stays where it is has not been said since it last changed. */
bool folder_is_news(struct pickup_folder *f, const struct stat *st);

/* --- pickup_file.c --- */

/*
 * Looks at a name and begins with it, or puts it aside. False: it is left there for another time,
 * or cannot be renamed.
 */
bool pickup_file_take(struct pickup_folder *f, const char *name);
/* Gives those back that are not on their way into the spool. */
void pickup_files_return(struct pickup_folder *f);
/* After a crash: what was under way is taken again. */
void pickup_files_reclaim(struct pickup_folder *f);

/* --- file_name.c --- */

/* Plain names may be cut: never longer than NAME_MAX. */
char *file_name_temp(const struct pickup_folder *f, const char *name);
/* The name that a temporary one of this server had; NULL when it is none. */
char *file_name_of_temp(const struct pickup_folder *f, const char *temp);
/* Never onto another file: then -1 and EEXIST. Both names are plain. */
int file_name_rename(const struct pickup_folder *f, const char *from, const char *to);
/*
 * Renames from (plain, in the folder) to base and suffix, with the time in between when that is
 * taken; base ends before its own suffix. 0, or -1 and errno.
 */
int file_name_move(const struct pickup_folder *f, const char *from, const char *name,
	const char *suffix);
bool file_name_is_mail(const char *name);

#endif
