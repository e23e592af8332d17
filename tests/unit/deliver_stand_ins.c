/* deliver_stand_ins.c - in place of the spool and of DNS; see deliver_kit.h */
#include "deliver_kit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* --- in place of the spool --- */

struct spool_body {
	size_t at;
};

const char kit_body[KIT_BODY_SIZE] = "Subject: t\r\n\r\nhi\r\n";

void spool_outcomes(struct spool_port *p, uint64_t id, const struct spool_outcome *list, size_t n,
	spool_outcome_cb *cb, void *ctx)
{
	static const char *const names[] = { "", "delivered", "relayed", "failed", "expired",
		"removed" };
	size_t i;

	(void)p;
	(void)cb;
	(void)ctx;
	for (i = 0; i < n; i++)
		kit_note("%d/%u %s\n", (int)id, list[i].recipient, names[list[i].kind]);
}

const char *spool_id_text(uint64_t id, char buf[SPOOL_ID_TEXT])
{
	snprintf(buf, SPOOL_ID_TEXT, "%016llx", (unsigned long long)id);
	return buf;
}

bool spool_id_parse(const char *text, uint64_t *id)
{
	*id = strtoull(text, NULL, 16);
	return true;
}

struct spool_body *spool_body_open(struct spool_port *p, uint64_t id, spool_ready_cb *on_ready,
	void *ctx, struct err *e)
{
	(void)p;
	(void)id;
	(void)on_ready;
	(void)ctx;
	(void)e;
	return xcalloc(1, sizeof(struct spool_body));
}

uint64_t spool_body_size(const struct spool_body *b)
{
	(void)b;
	return sizeof(kit_body) - 1;
}

ssize_t spool_body_read(struct spool_body *b, void *buf, size_t size, struct err *e)
{
	size_t n = sizeof(kit_body) - 1 - b->at;

	(void)e;
	n = n < size ? n : size;
	memcpy(buf, kit_body + b->at, n);
	b->at += n;
	return (ssize_t)n;
}

void spool_body_rewind(struct spool_body *b)
{
	b->at = 0;
}

void spool_body_close(struct spool_body **b)
{
	free(*b);
	*b = NULL;
}

/* --- in place of DNS --- */

struct resolver_op {
	resolver_mx_cb *mx_cb;
	resolver_addr_cb *addr_cb;
	void *ctx;
	char name[RESOLVER_NAME_SIZE];
	uint16_t port;
	bool cancelled;
};

static void answer_mx(struct resolver_op *op)
{
	static const struct resolver_mx two[] = { { 10, "dead.example" }, { 20, "good.example" } };
	static const struct resolver_mx loop[] = { { 10, "HUB1.example.com" },
		{ 20, "good.example" } };
	static const struct resolver_mx backup[] = { { 10, "good.example" },
		{ 20, "hub1.example.com" }, { 30, "dead.example" } };
	struct resolver_mx_result r = { .outcome = RESOLVE_NX_DOMAIN, .text = "no such domain" };

	if (strcmp(op->name, "two.example") == 0)
		r = (struct resolver_mx_result){ RESOLVE_OK, "", 2, two, 60 };
	else if (strcmp(op->name, "loop.example") == 0)
		r = (struct resolver_mx_result){ RESOLVE_OK, "", 2, loop, 60 };
	else if (strcmp(op->name, "backup.example") == 0)
		r = (struct resolver_mx_result){ RESOLVE_OK, "", 3, backup, 60 };
	else if (strcmp(op->name, "null.example") == 0)
		r = (struct resolver_mx_result){ RESOLVE_NULL_MX, "null MX", 0, NULL, 0 };
	else if (strcmp(op->name, "good.example") == 0 || strcmp(op->name, "bare.example") == 0)
		r = (struct resolver_mx_result){ RESOLVE_NO_DATA, "no MX", 0, NULL, 0 };
	else if (strcmp(op->name, "slow.example") == 0)
		r = (struct resolver_mx_result){ RESOLVE_TEMP_FAILURE, "no answer", 0, NULL, 0 };
	op->mx_cb(&r, op->ctx);
}

/* dead.example is 127.0.0.2, where nobody listens. */
static void answer_addr(struct resolver_op *op)
{
	union resolver_sockaddr a;
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&a;
	struct resolver_addr_result r = { RESOLVE_OK, "", 1, &a, 60 };

	memset(&a, 0, sizeof(a));
	v4->sin_family = AF_INET;
	v4->sin_port = htons(op->port);
	v4->sin_addr.s_addr = htonl(strcmp(op->name, "dead.example") == 0 ? 0x7f000002 :
		0x7f000001);
	if (strcmp(op->name, "bare.example") == 0)
		r = (struct resolver_addr_result){ RESOLVE_NO_DATA, "none", 0, NULL, 0 };
	op->addr_cb(&r, op->ctx);
}

static void on_answer(void *ctx)
{
	struct resolver_op *op = ctx;

	if (!op->cancelled && op->mx_cb != NULL)
		answer_mx(op);
	else if (!op->cancelled)
		answer_addr(op);
	free(op);
}

struct resolver_op *resolver_mx(struct resolver *r, const char *domain, resolver_mx_cb *cb,
	void *ctx)
{
	struct resolver_op *op = xcalloc(1, sizeof(*op));

	(void)r;
	op->mx_cb = cb;
	op->ctx = ctx;
	snprintf(op->name, sizeof(op->name), "%s", domain);
	loop_defer(kit_loop, on_answer, op);
	return op;
}

struct resolver_op *resolver_addr(struct resolver *r, const char *host, uint16_t port,
	enum resolver_family family, resolver_addr_cb *cb, void *ctx)
{
	struct resolver_op *op = xcalloc(1, sizeof(*op));

	(void)r;
	(void)family;
	op->addr_cb = cb;
	op->ctx = ctx;
	op->port = port;
	snprintf(op->name, sizeof(op->name), "%s", host);
	loop_defer(kit_loop, on_answer, op);
	return op;
}

void resolver_cancel(struct resolver_op **op)
{
	if (*op != NULL)
		(*op)->cancelled = true;
	*op = NULL;
}

struct resolver *resolver_new(struct loop *loop, const struct resolver_options *options,
	struct err *e)
{
	(void)loop;
	(void)options;
	err_set(e, ERR_TEMP, 0, "none here");
	return NULL;
}

void resolver_free(struct resolver **r)
{
	*r = NULL;
}

int resolver_servers_set(struct resolver *r, const char *servers, struct err *e)
{
	(void)r;
	(void)servers;
	return err_set(e, ERR_TEMP, 0, "none here");
}
