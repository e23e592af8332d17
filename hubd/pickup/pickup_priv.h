/* pickup_priv.h - what the files of this folder share. All of it belongs to the pickup's thread. */
#ifndef HUB_PICKUP_PICKUP_PRIV_H
#define HUB_PICKUP_PICKUP_PRIV_H

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "hubd/pickup/file_header.h"
#include "hubd/pickup/pickup.h"

struct pickup_file;
struct pickup_stuck;

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
	/* a pass over the folder: each file is looked at once */
	DIR *listing;			/* names to come; NULL: all have been read */
	bool again;			/* something changed meanwhile: another pass follows */
	char **names;			/* read and not looked at yet, from at on */
	size_t n_names, at;
	bool sync_due;			/* a file was removed */
	struct pickup_stuck *stuck;	/* see pickup_end.c */
	size_t n_stuck;
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
/* A file was removed: the folder is synced, once for all of this turn of the loop. */
void folder_sync_later(struct pickup_folder *f);
/* A file has been given back: it wakes the watch, and must not be taken again at once. */
void folder_rest(struct pickup_folder *f);
/* What is wrong with a file that stays where it is has not been said since it last changed. */
bool folder_is_news(struct pickup_folder *f, const struct stat *st);

/* --- pickup_look.c --- */

/* Looks at a name and begins with it, or puts it aside, or leaves it there for another time. */
void pickup_file_take(struct pickup_folder *f, const char *name);
/* --- pickup_end.c --- */

/* Gives those back that are not on their way into the spool. */
void pickup_files_return(struct pickup_folder *f);
/* After a crash: what was under way is taken again. */
void pickup_files_reclaim(struct pickup_folder *f);
/* Those that could not be renamed or removed are tried again, or forgotten. */
void pickup_files_unstick(struct pickup_folder *f);
void pickup_files_forget(struct pickup_folder *f);

/* --- file_name.c --- */

/* The name of a file under way. Names are never longer than NAME_MAX: what is too long is cut. */
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
