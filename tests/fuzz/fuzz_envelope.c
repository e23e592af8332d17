/* fuzz_envelope.c - fuzz target for envelopes as the spool stores them (hubd/spool/envelope.h).
 *
 * What can be decoded must be within the limits of the header, and encode to what decodes again to
 * the same.
 */
#include <stdint.h>
#include <string.h>

#include "hubd/spool/envelope.h"
#include "hubd/spool/exclusion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 18 };

static void check_text(const char *text)
{
	BUG_ON(text == NULL || strlen(text) > ENVELOPE_TEXT_MAX);
}

static void check(const struct envelope *env, struct arena *a)
{
	struct exclusions excluded;
	uint32_t i;

	BUG_ON(env->recipient_count > ENVELOPE_RECIPIENTS_MAX);
	BUG_ON(env->auth >= ENVELOPE_AUTH_KINDS || env->body > ENVELOPE_BODY_BINARYMIME);
	BUG_ON(env->ret > ENVELOPE_RET_HDRS || strlen(env->subject) > ENVELOPE_SUMMARY_MAX);
	BUG_ON(strlen(env->message_id) > ENVELOPE_SUMMARY_MAX);
	check_text(env->sender);
	check_text(env->envid);
	check_text(env->connector);
	check_text(env->linked_connector);
	check_text(env->peer_name);
	check_text(env->peer_address);
	check_text(env->identity);
	check_text(env->excluded);
	exclusions_parse(env->excluded, a, &excluded);
	BUG_ON(strlen(exclusions_text(&excluded, a)) > EXCLUSIONS_TEXT_MAX);
	for (i = 0; i < env->recipient_count; i++) {
		check_text(env->recipients[i].address);
		check_text(env->recipients[i].orcpt);
		check_text(env->recipients[i].original);
		BUG_ON(env->recipients[i].notify > 15);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a;
	struct envelope *env;
	const void *once, *twice;
	size_t once_size, twice_size;
	struct err e = { 0 };

	if (size > INPUT_MAX)
		return 0;
	a = arena_new();
	env = envelope_decode(data, size, a, &e);
	if (env == NULL) {
		BUG_ON(e.text[0] == '\0');
	} else {
		check(env, a);
		BUG_ON(envelope_encode(env, a, &once, &once_size, &e) != 0);
		env = envelope_decode(once, once_size, a, &e);
		BUG_ON(env == NULL || envelope_encode(env, a, &twice, &twice_size, &e) != 0);
		BUG_ON(once_size != twice_size || memcmp(once, twice, once_size) != 0);
	}
	arena_free(&a);
	return 0;
}
