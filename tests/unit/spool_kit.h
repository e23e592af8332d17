/* spool_kit.h - what the tests of the spool share: a spool in a folder of its own, on one loop. */
#ifndef HUB_TESTS_SPOOL_KIT_H
#define HUB_TESTS_SPOOL_KIT_H

#include <stdbool.h>
#include <stdint.h>

#include "hubd/spool/spool.h"

enum { KIT_MESSAGES = 4096 };

struct kit_found {
	uint64_t id;
	uint32_t recipients;
	uint64_t done;			/* of the first 64 */
	uint64_t body_size;
	char envelope[64];
};

struct kit {
	char folder[64];
	struct spool_config cfg;
	struct loop *loop;
	struct spool *spool;
	struct spool_port *port;
	struct spool_report report;
	struct kit_found *found;	/* by the last kit_open */
	size_t n;
};

/* A new folder; segments of 64 KiB. */
void kit_init(struct kit *k);
/* Closes if open, removes the folder. */
void kit_deinit(struct kit *k);
void kit_open(struct kit *k);
void kit_close(struct kit *k);
/* Runs the loop until *flag. */
void kit_wait(struct kit *k, const bool *flag);

/* The body that seed stands for. */
void kit_fill(unsigned char *buf, size_t size, uint64_t seed);
/* Commits a body of that seed with an envelope "envelope SEED" and waits; 0 or the error. */
int kit_try(struct kit *k, uint64_t seed, size_t size, uint32_t recipients, uint64_t *id,
	struct err *e);
/* The same, must succeed. */
uint64_t kit_put(struct kit *k, uint64_t seed, size_t size, uint32_t recipients);
/* Records the outcome and waits until it is durable. */
void kit_finish(struct kit *k, uint64_t id, uint32_t recipient);
/* What kit_open recovered, NULL if not. */
const struct kit_found *kit_find(const struct kit *k, uint64_t id);
/* Reads the whole body; 0, or -1 with *e. Fails the test if it is not the seed's. */
int kit_read(struct kit *k, uint64_t id, uint64_t seed, struct err *e);
void kit_check(struct kit *k, uint64_t id, uint64_t seed, size_t size);

/* Whole file in malloc'ed memory. */
unsigned char *kit_file_read(const char *path, size_t *size);
void kit_file_write(const char *path, const void *data, size_t size);
void kit_remove_tree(const char *path);
/* Name of the newest (last = true) or oldest segment file, in path[128]. */
void kit_segment_path(const struct kit *k, bool last, char *path);
int kit_count_files(const struct kit *k, const char *prefix);

#endif
