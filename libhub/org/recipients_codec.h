/* recipients_codec.h - recipients as bytes in a file, in chunks with a checksum each.
 *
 * A chunk is: size of what follows the type (u32, little endian), CRC-32C of type and content
 * (u32), type (one byte), content. A chunk of changes can be read without those before it: texts
 * that many records share come once in each and are referred to by number afterwards. Nothing that
 * is read is believed; the checksum is against accidents.
 */
#ifndef HUB_ORG_RECIPIENTS_CODEC_H
#define HUB_ORG_RECIPIENTS_CODEC_H

#include "libhub/base/err.h"
#include "libhub/org/roster.h"

enum { CODEC_SHARED = 4096 };

/* Bytes of chunks, growing. */
struct codec_out {
	unsigned char *data;
	size_t size, room;
	size_t begin;			/* of the chunk at hand */
	uint32_t next;			/* number of the next shared text in it */
	struct {
		uint32_t text, number, size;
		size_t at;		/* where its bytes are in data */
	} shared[CODEC_SHARED];		/* the last with that remainder */
};

void codec_out_init(struct codec_out *out);
void codec_out_deinit(struct codec_out *out);
/* No nesting. */
void codec_begin(struct codec_out *out, char type);
void codec_end(struct codec_out *out);
void codec_put_bytes(struct codec_out *out, const void *data, size_t size);
/* In a chunk of changes: the record of that id; the entry with that UUID is gone. */
void codec_put_record(struct codec_out *out, const struct roster *r, uint32_t id);
void codec_put_delete(struct codec_out *out, const unsigned char uuid[16]);

struct codec_chunk {
	char type;
	const unsigned char *data;	/* where it was read */
	size_t size;
};

/* *at moves behind it. False if what is there is no whole chunk with its checksum. */
bool codec_read(const unsigned char **at, const unsigned char *end, struct codec_chunk *chunk);

struct codec_reader {
	void (*put)(const struct roster_entry *e, void *ctx);
	void (*deleted)(const unsigned char uuid[16], void *ctx);
	void *ctx;
};

/* Reads a chunk of changes; -1 if it has another form, perhaps after some calls. */
int codec_read_changes(const struct codec_chunk *chunk,
	const struct codec_reader *reader) MUST_CHECK;

#endif
