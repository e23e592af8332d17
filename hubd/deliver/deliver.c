/* deliver.c - what the connections of a worker share. See deliver.h. */
#include "hubd/deliver/deliver.h"

#include <stdio.h>
#include <string.h>

#include "hubd/config/live.h"
#include "hubd/deliver/delivery.h"
#include "libhub/base/log.h"

static void servers_text(const struct endpoints *list, char *out, size_t size)
{
	size_t i, n = 0;

	out[0] = '\0';
	for (i = 0; i < list->n && i < RESOLVER_SERVERS_MAX && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? "," : "",
			list->v[i].text);
}

struct mx *deliver_external_mx(struct deliver *d, const struct live *live)
{
	char servers[SERVERS_TEXT];
	struct resolver_options options = { .servers = servers };
	struct err e;
	int rc = 0;

	servers_text(&live->self->external_dns, servers, sizeof(servers));
	if (servers[0] == '\0')
		return d->internal;
	if (d->external != NULL && strcmp(servers, d->external_servers) == 0)
		return d->external;
	if (d->external == NULL) {
		d->external_resolver = resolver_new(d->loop, &options, &e);
		rc = d->external_resolver == NULL ? -1 : 0;
		if (rc == 0)
			d->external = mx_new(d->loop, d->external_resolver);
	} else {
		rc = resolver_servers_set(d->external_resolver, servers, &e);
		mx_forget(d->external);
	}
	if (rc != 0)
		log_event(LOG_LEVEL_ERROR, "external-dns", LOG_STR("reason", e.text), LOG_END);
	else
		memcpy(d->external_servers, servers, sizeof(servers));
	return d->external != NULL ? d->external : d->internal;
}

void deliver_forget_dns(struct deliver *d)
{
	mx_forget(d->internal);
}

static void on_proof(struct inbox_node *node, void *ctx)
{
	struct deliver *d = ctx;

	if (d->closing)
		INBOX_ENTRY(node, struct proof, node)->owner = NULL;
	client_auth_answered(node, d->prover);
}

struct deliver *deliver_new(const struct deliver_config *cfg)
{
	static const enum queue_type types[] = {
		QUEUE_DNS_CONNECTOR, QUEUE_SMART_HOST_CONNECTOR, QUEUE_RELAY_WITHIN_SITE,
		QUEUE_RELAY_TO_SITE, QUEUE_RELAY_TO_CONNECTOR_SOURCES, QUEUE_RELAY_TO_EDGE,
		QUEUE_RELAY_TO_ROUTING_GROUP, QUEUE_MAILBOX,
	};
	struct deliver *d = xcalloc(1, sizeof(*d));
	size_t i;

	d->set = cfg->set;
	d->loop = queue_set_loop(cfg->set);
	d->log = (struct send_log_shared){ .file = cfg->log, .set = cfg->set };
	send_log_shared_init(&d->log, cfg->worker);
	d->prover = cfg->prover;
	d->proofs = inbox_new(d->loop, on_proof, d);
	TAILQ_INIT(&d->starting);
	d->start_event = event_new(loop_base(d->loop), -1, 0, delivery_start_some, d);
	BUG_ON(d->start_event == NULL);
	d->hosts = host_table_new();
	d->rota = rota_new();
	d->ourselves = ourselves_new();
	d->resume = resume_table_new();
	d->internal = mx_new(d->loop, cfg->internal);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		queue_set_transport(cfg->set, types[i], &delivery_transport, d);
	return d;
}

void deliver_free(struct deliver **dp)
{
	struct deliver *d = *dp;

	if (d == NULL)
		return;
	d->closing = true;
	event_free(d->start_event);
	inbox_free(&d->proofs);
	mx_free(&d->internal);
	mx_free(&d->external);
	resolver_free(&d->external_resolver);
	rota_free(&d->rota);
	ourselves_free(&d->ourselves);
	delivery_source_forget(d);
	resume_table_free(&d->resume);
	host_table_free(&d->hosts);
	free(d);
	*dp = NULL;
}
