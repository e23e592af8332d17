/* refusal.c - what each recipient of an item was put off with: for reports of delay and expiry. */
#include <stdio.h>
#include <string.h>

#include "hubd/queue/queue_priv.h"

/* Recipients that share a reply follow each other, mostly, and point to the same text. */
static size_t text_size(const char *text, const char *before)
{
	return text == before ? 0 : strnlen(text, QUEUE_TEXT_MAX) + 1;
}

static const char *put_text(char **at, const char *text)
{
	size_t n = strnlen(text, QUEUE_TEXT_MAX);
	char *to = *at;

	memcpy(to, text, n);
	to[n] = '\0';
	*at += n + 1;
	return to;
}

static size_t texts_size(const struct queue_refusal *v, uint32_t n)
{
	size_t size = 0;
	uint32_t i;

	for (i = 0; i < n; i++)
		size += text_size(v[i].text, i > 0 ? v[i - 1].text : NULL) +
			text_size(v[i].remote, i > 0 ? v[i - 1].remote : NULL);
	return size;
}

/* One block with its texts, for free. */
static struct queue_refusal *pack(const struct queue_refusal *v, uint32_t n)
{
	struct queue_refusal *out = xmalloc(n * sizeof(*out) + texts_size(v, n));
	char *at = (char *)(out + n);
	uint32_t i;

	for (i = 0; i < n; i++) {
		out[i] = v[i];
		out[i].text = i > 0 && v[i].text == v[i - 1].text ? out[i - 1].text :
			put_text(&at, v[i].text);
		out[i].remote = i > 0 && v[i].remote == v[i - 1].remote ? out[i - 1].remote :
			put_text(&at, v[i].remote);
	}
	return out;
}

void refusals_set(struct queue_item *item, const struct queue_result *results, const char *remote)
{
	uint32_t i, n = item->env.recipient_count;
	struct queue_refusal one, *v = n == 1 ? &one : xcalloc(n, sizeof(*v));

	for (i = 0; i < n; i++) {
		v[i].from_peer = results[i].from_peer;
		v[i].text = results[i].text != NULL ? results[i].text : "";
		v[i].remote = remote;
		memcpy(v[i].status, results[i].status, sizeof(v[i].status));
	}
	free(item->refusals);
	item->refusals = pack(v, n);
	if (v != &one)
		free(v);
}

void refusals_copy(struct queue_item *item, const struct queue_item *from, const uint32_t *pick)
{
	uint32_t i, n = item->env.recipient_count;
	struct queue_refusal *v;

	if (from->refusals == NULL)
		return;
	v = xcalloc(n, sizeof(*v));
	for (i = 0; i < n; i++)
		v[i] = from->refusals[pick != NULL ? pick[i] : i];
	item->refusals = pack(v, n);
	free(v);
}
