/* org_fixture.h - organizations made by hand for the tests of routing.
 *
 * Objects are made in any order but after what they refer to; a test may change their fields until
 * fixture_snapshot, which sorts and numbers them as the builder does. The few functions of
 * libhub/org that routing calls on a snapshot are defined here for such snapshots, so that these
 * tests look at routing alone.
 */
#ifndef HUB_TESTS_ORG_FIXTURE_H
#define HUB_TESTS_ORG_FIXTURE_H

#include "libhub/org/recipients.h"
#include "libhub/org/snapshot.h"

struct fixture;

struct fixture *fixture_new(void);
void fixture_free(struct fixture **f);

struct site *fixture_site(struct fixture *f, const char *name);
/* sites: names joined by commas, here and below. */
struct site_link *fixture_link(struct fixture *f, const char *name, const char *sites,
	uint64_t cost);
/* site may be NULL. */
struct server *fixture_hub(struct fixture *f, const char *name, const char *site);
/* An edge and its subscription to a site. */
struct server *fixture_edge(struct fixture *f, const char *name, const char *site);
struct edge_subscription *fixture_subscription(struct fixture *f, const char *edge);
struct mailbox_server *fixture_mailbox_server(struct fixture *f, const char *name,
	const char *site);
/* spaces: values of hubAddressSpace joined by '|'. */
struct send_connector *fixture_send(struct fixture *f, const char *name, const char *spaces,
	const char *sources);
struct foreign_connector *fixture_foreign(struct fixture *f, const char *name, const char *spaces,
	const char *sources);
struct agent_connector *fixture_agent(struct fixture *f, const char *name, const char *spaces,
	const char *sources);
struct receive_connector *fixture_receive(struct fixture *f, const char *name, const char *server);
/* hosts: texts joined by commas. */
void fixture_smart_hosts(struct fixture *f, struct send_connector *sc, const char *hosts);
struct accepted_domain *fixture_accepted(struct fixture *f, const char *domain,
	enum accepted_type type);
struct organization *fixture_organization(struct fixture *f);
void fixture_reject(struct fixture *f, const char *dn, const char *object_class, bool last_good);

/* Owned by the fixture. */
const struct snapshot *fixture_snapshot(struct fixture *f);

/* What recipients_find answers; an address that is not here is unknown. */
struct recipients *fixture_recipients(struct fixture *f);
void fixture_recipients_unload(struct fixture *f);
void fixture_person(struct fixture *f, const char *address, const char *routing_address,
	const char *mail_host);
void fixture_recipient(struct fixture *f, const char *address, enum recipient_outcome outcome);

#endif
