/* snapshot_bench - how long a large organization takes: put and build, and again after one change.
 * Usage: snapshot_bench [CONNECTORS], default 10000; 100 sites in a ring, 300 servers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <malloc.h>

#include "org_text.h"

#define BASE "cn=Transport,dc=example,dc=com"

enum { SITES = 100, SERVERS = 300 };

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void print_topology(FILE *out)
{
	int i;

	fprintf(out, "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n");
	for (i = 0; i < SITES; i++) {
		fprintf(out,
			"dn: cn=site%d,cn=Sites," BASE "\nobjectClass: hubSite\ncn: site%d\n\n", i,
			i);
		fprintf(out, "dn: cn=link%d,cn=Site Links," BASE "\nobjectClass: hubSiteLink\n"
			"cn: link%d\nhubSiteList: cn=site%d,cn=Sites," BASE "\n"
			"hubSiteList: cn=site%d,cn=Sites," BASE "\nhubCost: %d\n\n", i, i, i,
			(i + 1) % SITES, 100 + i);
	}
	for (i = 0; i < SERVERS; i++) {
		fprintf(out, "dn: cn=hub%d,cn=Servers," BASE "\nobjectClass: hubServer\ncn: hub%d\n"
			"hubRole: Hub\nhubServerSite: cn=site%d,cn=Sites," BASE "\n"
			"hubFQDN: hub%d.example.com\nhubAddress: 10.0.%d.%d\n\n", i, i,
			i % SITES, i, i / 250, i % 250 + 1);
		fprintf(out, "dn: cn=Default hub%d,cn=hub%d,cn=Servers," BASE "\n"
			"objectClass: hubReceiveConnector\ncn: Default hub%d\n"
			"hubBinding: 0.0.0.0:25\n"
			"hubAuthMechanism: Tls\nhubAuthMechanism: HubServer\n"
			"hubPermissionGroup: HubServers\n\n", i, i, i);
	}
}

static void print_connector(FILE *out, int i, int cost)
{
	int site = i % SITES;

	fprintf(out, "dn: cn=Partner %d,cn=Connectors," BASE "\nobjectClass: top\n"
		"objectClass: hubSendConnector\ncn: Partner %d\n"
		"hubSourceServer: cn=hub%d,cn=Servers," BASE "\n"
		"hubSourceServer: cn=hub%d,cn=Servers," BASE "\n"
		"hubAddressSpace: SMTP:partner%d.example;%d\nhubAddressSpace: *.partner%d.example\n"
		"hubSmartHost: relay1.partner%d.example\nhubSmartHost: [192.0.2.%d]:2525\n"
		"hubRequireTLS: TRUE\nhubMaxMessageSize: 20971520\nhubProtocolLogging: Verbose\n"
		"hubComment: made by the benchmark\n\n", i, i, site, site + SITES, i, cost, i, i,
		i % 250 + 1);
}

static char *organization(int connectors)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int i;

	if (out == NULL)
		exit(1);
	print_topology(out);
	for (i = 0; i < connectors; i++)
		print_connector(out, i, 1 + i % 100);
	fclose(out);
	return text;
}

static char *one_connector(int i)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		exit(1);
	print_connector(out, i, 77);
	fclose(out);
	return text;
}

static void parse_only(const struct entry *e, void *ctx)
{
	(void)e;
	(*(size_t *)ctx)++;
}

static size_t heap_kib(void)
{
	return mallinfo2().uordblks / 1024;
}

int main(int argc, char **argv)
{
	int connectors = argc > 1 ? atoi(argv[1]) : 10000;
	char *text = organization(connectors), *change = one_connector(0);
	struct builder *b = builder_new(BASE);
	const struct snapshot *first, *second;
	double t[6];
	size_t entries = 0, before = heap_kib();

	t[0] = now_ms();
	org_text_each(text, parse_only, &entries);
	t[1] = now_ms();
	org_text_put(b, text);
	t[2] = now_ms();
	first = builder_build(b, NULL);
	t[3] = now_ms();
	org_text_put(b, change);
	second = builder_build(b, first);
	t[4] = now_ms();
	org_text_put(b, text);
	t[5] = now_ms();
	printf("entries=%zu rejected=%zu warnings=%zu changed=%d heap_kib=%zu\n", entries,
		second->rejection_count, second->warning_count,
		strcmp(first->fingerprint, second->fingerprint) != 0, heap_kib() - before);
	printf("parse_ms=%.1f put_ms=%.1f build_ms=%.1f one_change_ms=%.1f put_again_ms=%.1f\n",
		t[1] - t[0], t[2] - t[1] - (t[1] - t[0]), t[3] - t[2], t[4] - t[3],
		t[5] - t[4] - (t[1] - t[0]));
	snapshot_unref(&first);
	snapshot_unref(&second);
	builder_free(&b);
	free(text);
	free(change);
	return 0;
}
