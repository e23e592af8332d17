/* value.h - the structured values that directory attributes carry, parsed. Pure; any thread.
 *
 * Everything points into the arena given to the parser. On failure e->text names the value and the
 * rule it breaks.
 */
#ifndef HUB_ORG_VALUE_H
#define HUB_ORG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "libhub/base/err.h"
#include "libhub/base/mem.h"
#include "libhub/directory/entry.h"

/* Whatever is wrong with a value or an object, a person must change it. */
#define err_config(e, ...) err_set((e), ERR_CONFIG, 0, __VA_ARGS__)

struct blobs {
	const struct blob *v;
	size_t n;
};

struct strings {
	const char *const *v;
	size_t n;
};

/* hubAddressSpace: [type:]space[;cost] */
enum space_match {
	SPACE_EXACT,		/* contoso.com, or the whole text of another type */
	SPACE_SUBTREE,		/* *.contoso.com: the domain and everything under it */
	SPACE_PREFIX,		/* other types: text before a trailing '*' */
	SPACE_ALL,		/* * */
	SPACE_INBOUND,		/* --: all authoritative and internal relay domains */
};

struct address_space {
	const char *type;	/* upper case, "SMTP" by default */
	const char *text;	/* as shown to people, without type and cost */
	const char *key;	/* what is compared: lower case, without "*." or trailing '*' */
	enum space_match match;
	uint32_t cost;		/* 1-100 */
};

struct address_spaces {
	const struct address_space *v;
	size_t n;
};

/* hubSmartHost: [192.0.2.1], [IPv6:...], host.example, each with optional :port; or -- */
struct smart_host {
	const char *text;	/* canonical form: lower case but for the tag IPv6: */
	const char *name;	/* host name, or NULL for a literal and for -- */
	struct sockaddr_storage addr;	/* literal; family AF_UNSPEC otherwise; port 0 */
	uint16_t port;		/* 0 = the connector's */
	bool inbound;		/* -- */
};

struct smart_hosts {
	const struct smart_host *v;
	size_t n;
};

/* hubAddress, hubExternalDNSServer...: address[:port]; hubBinding: address:port[ tls] */
struct endpoint {
	const char *text;	/* canonical form */
	struct sockaddr_storage addr;	/* with the port; 0 if none was given */
	uint16_t port;		/* 0 if none was given */
	bool tls;		/* hubBinding only: TLS from the first byte */
};

struct endpoints {
	const struct endpoint *v;
	size_t n;
};

/* hubRemoteIPRange: address, a-b, CIDR; IPv4 is kept as IPv4-mapped IPv6 */
struct ip_range {
	unsigned char lo[16], hi[16];	/* inclusive, network order */
	bool v6;
	const char *text;
};

struct ip_ranges {
	const struct ip_range *v;
	size_t n;
};

/* hubGrant, hubDeny: "principal right" */
struct grant {
	uint32_t groups;	/* bit of enum permission_group */
	uint32_t rights;	/* bit of enum right */
};

struct grants {
	const struct grant *v;
	size_t n;
};

/* hubSourceAddress: "address", or "server address" for one source server */
struct source_address {
	const char *server;	/* cn, or NULL = any */
	struct sockaddr_storage addr;
};

struct source_addresses {
	const struct source_address *v;
	size_t n;
};

int value_address_space(struct arena *a, const char *text, struct address_space *out,
	struct err *e) MUST_CHECK;
int value_smart_host(struct arena *a, const char *text, struct smart_host *out,
	struct err *e) MUST_CHECK;
int value_endpoint(struct arena *a, const char *text, bool port_required, struct endpoint *out,
	struct err *e) MUST_CHECK;
/* An address that can be bound, its port, and " tls" or nothing. */
int value_binding(struct arena *a, const char *text, struct endpoint *out,
	struct err *e) MUST_CHECK;
/* The same address and port, whatever else the two say. */
bool endpoint_same_place(const struct endpoint *a, const struct endpoint *b);
int value_ip_range(struct arena *a, const char *text, struct ip_range *out,
	struct err *e) MUST_CHECK;
/* A host or domain: letters, digits, hyphens, underscores in labels of 1-63, at most 253 in all. */
bool value_is_domain(const char *text);
/* Lower case (ASCII), in the arena. */
char *value_lower(struct arena *a, const char *text);
/* No control characters, valid UTF-8. */
bool value_is_text(const char *text, size_t size);
int value_grant(const char *text, struct grant *out, struct err *e) MUST_CHECK;
int value_source_address(struct arena *a, const char *text, struct source_address *out,
	struct err *e) MUST_CHECK;

/* Is addr inside the range? An IPv4-mapped IPv6 peer counts as IPv4. */
bool ip_range_contains(const struct ip_range *r, const struct sockaddr *addr);
/* Is a fully inside b (equal included)? */
bool ip_range_within(const struct ip_range *a, const struct ip_range *b);
bool ip_range_overlaps(const struct ip_range *a, const struct ip_range *b);

/*
 * The order of names everywhere in routing: Unicode case folding, then byte order (hub-routing(7)
 * section 1). Like strcmp.
 */
int name_compare(const char *a, const char *b);
/* The folded form: name_compare(a, b) orders like strcmp of these. */
const char *name_fold(struct arena *a, const char *name);

#endif
