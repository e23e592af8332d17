/* fuzz_recipients.c - the file of recipients: chunks of changes as a file may hold them.
 *
 * The checksum would stop nearly everything, so the content of one chunk is given as it is. What is
 * taken is put, written and read again: it must be the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "libhub/base/err.h"
#include "libhub/base/mem.h"
#include "libhub/org/recipients.h"
#include "libhub/org/recipients_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(const struct roster_entry *e, void *ctx)
{
	BUG_ON(strlen(e->dn) > ROSTER_DN_MAX + 1);
	BUG_ON(e->address_count > ROSTER_ADDRESSES_MAX || e->member_count > ROSTER_MEMBERS_MAX);
	recipients_put_decoded(ctx, e);
}

static void deleted(const unsigned char uuid[16], void *ctx)
{
	recipients_delete(ctx, uuid);
}

static void read_chunk(struct recipients *r, const struct codec_chunk *chunk)
{
	const struct codec_reader reader = { put, deleted, r };

	/* an entry of a file that is refused later may have been put */
	if (codec_read_changes(chunk, &reader) != 0)
		return;
}

static void write_chunk(const struct recipients *r, struct codec_out *out)
{
	const struct roster *roster = recipients_roster(r);
	uint32_t id;

	codec_begin(out, 'R');
	for (id = 1; id < roster_end(roster); id++)
		if (roster_has(roster, id))
			codec_put_record(out, roster, id);
	codec_end(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recipients *r = recipients_new(), *again = recipients_new();
	struct codec_chunk chunk = { 'R', data, size };
	struct codec_out out;
	const unsigned char *at;

	read_chunk(r, &chunk);
	codec_out_init(&out);
	write_chunk(r, &out);
	at = out.data;
	BUG_ON(!codec_read(&at, out.data + out.size, &chunk));
	read_chunk(again, &chunk);
	BUG_ON(recipients_entries(again) != recipients_entries(r));
	BUG_ON(recipients_count(again) != recipients_count(r));
	codec_out_deinit(&out);
	recipients_free(&again);
	recipients_free(&r);
	return 0;
}
