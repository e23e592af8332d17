/* push_kit.h - a pusher against a slapd that stands for the edge's, and what is seen of it.
 *
 * The organization is made by hand, and pushers_set_organization is called as the daemon would.
 */
#ifndef HUB_TESTS_PUSH_KIT_H
#define HUB_TESTS_PUSH_KIT_H

#include "await.h"
#include "edgesyncd/pusher.h"
#include "slapd.h"

#define T "cn=Transport,dc=org"
#define B "cn=Transport,o=x"
#define SERVERS ",cn=Servers," T
#define HALF "cn=half,o=x"		/* who may bind there, but not write */

struct push_kit {
	struct slapd slapd;
	struct loop *loop;
	struct directory_connection *connection;
	struct builder *builder;
	const struct snapshot *snapshot;
	struct recipients *recipients;
	struct pushers *pushers;
	struct pusher *pusher;
	struct push_status status;	/* as of the last kit_in_step, kit_has_error, kit_is_held */
	bool fenced;
	/* Of the last comparison or start. */
	bool done;
	char error[300], held[300];
	struct push_counts counts[PUSH_TYPES];
	size_t differences;
	struct push_verified verified;
	char listed[2000];		/* "TYPE WHAT NAME\n" each */
};

extern struct push_kit kit;
/* One site with one hub and one edge, and a connector out by the edge: four entries there. */
extern const char kit_organization[];

/* A fixture. */
void kit_setup(void);
void kit_teardown(void);

/* Entries are put to those that there are, and pushed. */
void kit_set_organization(const char *text);
/* The people are numbered from 1. */
void kit_put_person(unsigned int i, const char *address, bool refuse_outside_mail);
void kit_drop_person(unsigned int i);
/* So many, userN@a.example. */
void kit_put_people(unsigned int n);

/* kit.connection; one that there is stays open. */
void kit_connect_as(const char *dn);
/* As administrator, with the lease. */
void kit_attach(void);
/* The same with kit_organization, and waits until it is there. */
void kit_begin(void);
/* The lease is given and taken. */
void kit_attach_again(void);

/* Conditions for AWAIT; ctx: NULL, or of the type. */
bool kit_in_step(void *ctx);
bool kit_has_error(void *type);
bool kit_is_held(void *type);
void kit_await_in_step(void);
void kit_await_flag(bool *flag);

/* Callbacks that fill kit. */
extern const struct pusher_compare_callbacks kit_compare_cbs;
void kit_on_started(const struct push_result *r, void *ctx);

/* Wait for the end. */
void kit_compare(bool full, const char *address);
void kit_start(bool full, bool allow_loss);
/* Nothing differs by a comparison, and the address is known there or not. */
void kit_expect_same(const char *address, bool known);

#endif
