/* value_address.c - addresses: smart hosts, endpoints, ranges, source addresses.
 *
 * All numbers are parsed by inet_pton, which knows neither zone ids nor short forms, so what is
 * accepted here means one address on every machine.
 */
#include "libhub/org/value.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const unsigned char mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool is_mapped(const unsigned char b[16])
{
	return memcmp(b, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

/* Parses [s, s+n) as an IPv4 or IPv6 number. */
static bool parse_number(const char *s, size_t n, struct sockaddr_storage *out)
{
	char buf[INET6_ADDRSTRLEN];
	struct sockaddr_in *v4 = (void *)out;
	struct sockaddr_in6 *v6 = (void *)out;

	memset(out, 0, sizeof(*out));
	if (n == 0 || n >= sizeof(buf))
		return false;
	memcpy(buf, s, n);
	buf[n] = '\0';
	if (inet_pton(AF_INET, buf, &v4->sin_addr) == 1) {
		out->ss_family = AF_INET;
		return true;
	}
	if (inet_pton(AF_INET6, buf, &v6->sin6_addr) == 1) {
		out->ss_family = AF_INET6;
		return true;
	}
	return false;
}

static void set_port(struct sockaddr_storage *addr, uint16_t port)
{
	if (addr->ss_family == AF_INET)
		((struct sockaddr_in *)(void *)addr)->sin_port = htons(port);
	else if (addr->ss_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)addr)->sin6_port = htons(port);
}

/* Decimal 1-65535 without sign or leading zero; 0 if it is none. */
static uint16_t parse_port(const char *s)
{
	size_t n = strlen(s);
	unsigned long v;

	if (n == 0 || n > 5 || s[0] == '0' || strspn(s, "0123456789") != n)
		return 0;
	v = strtoul(s, NULL, 10);
	return v <= UINT16_MAX ? (uint16_t)v : 0;
}

static const char *print_number(const struct sockaddr_storage *addr, char buf[INET6_ADDRSTRLEN])
{
	if (addr->ss_family == AF_INET)
		return inet_ntop(AF_INET,
			&((const struct sockaddr_in *)(const void *)addr)->sin_addr,
			buf, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr,
		buf, INET6_ADDRSTRLEN);
}

/* Takes ":port" at s, or nothing. */
static int optional_port(const char *what, const char *text, const char *s, uint16_t *port,
	struct err *e)
{
	*port = 0;
	if (*s == '\0')
		return 0;
	*port = *s == ':' ? parse_port(s + 1) : 0;
	if (*port == 0)
		return err_config(e, "%s \"%.100s\": the port must be 1 to 65535", what, text);
	return 0;
}

static const char *with_port(struct arena *a, const char *host, uint16_t port)
{
	return port != 0 ? arena_printf(a, "%s:%u", host, port) : arena_strdup(a, host);
}

/* [192.0.2.1] or [IPv6:...], RFC 5321 section 4.1.3 */
static int smart_literal(struct arena *a, const char *text, struct smart_host *out, struct err *e)
{
	const char *end = strchr(text, ']');
	const char *inner = text + 1;
	char buf[INET6_ADDRSTRLEN];
	bool tagged;

	if (end == NULL)
		return err_config(e, "smart host \"%.100s\": no closing bracket", text);
	tagged = strncasecmp(inner, "IPv6:", 5) == 0;
	if (tagged)
		inner += 5;
	if (!parse_number(inner, (size_t)(end - inner), &out->addr) ||
	    tagged != (out->addr.ss_family == AF_INET6))
		return err_config(e, "smart host \"%.100s\": not [IPv4] or [IPv6:address]",
			text);
	if (optional_port("smart host", text, end + 1, &out->port, e) < 0)
		return -1;
	out->text = with_port(a, arena_printf(a, "[%s%s]", tagged ? "IPv6:" : "",
		print_number(&out->addr, buf)), out->port);
	return 0;
}

int value_smart_host(struct arena *a, const char *text, struct smart_host *out, struct err *e)
{
	const char *colon = strchr(text, ':');
	struct sockaddr_storage number;
	size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text);

	memset(out, 0, sizeof(*out));
	if (strcmp(text, "--") == 0) {
		out->inbound = true;
		out->text = "--";
		return 0;
	}
	if (*text == '[')
		return smart_literal(a, text, out, e);
	if (parse_number(text, strlen(text), &number) || parse_number(text, n, &number))
		return err_config(e, "smart host \"%.100s\": an address stands in brackets, "
			"[192.0.2.1] or [IPv6:2001:db8::1]", text);
	out->name = value_lower(a, arena_strndup(a, text, n));
	if (!value_is_domain(out->name))
		return err_config(e, "smart host \"%.100s\": not a host name, a literal in "
			"brackets or --", text);
	if (colon != NULL && optional_port("smart host", text, colon, &out->port, e) < 0)
		return -1;
	out->text = with_port(a, out->name, out->port);
	return 0;
}

/* Splits "address", "address:port", "[address]", "[address]:port". */
static int split_endpoint(const char *text, struct endpoint *out, struct err *e)
{
	const char *end, *inner = text;
	bool bracket = *text == '[';

	if (bracket) {
		inner++;
		end = strchr(text, ']');
	} else if (parse_number(text, strlen(text), &out->addr)) {
		return 0;
	} else {
		end = strchr(text, ':');
	}
	if (end == NULL || !parse_number(inner, (size_t)(end - inner), &out->addr) ||
	    bracket != (out->addr.ss_family == AF_INET6))
		return err_config(e, "\"%.100s\": not an IPv4 address or an IPv6 address in "
			"brackets without zone", text);
	return optional_port("address", text, bracket ? end + 1 : end, &out->port, e);
}

int value_endpoint(struct arena *a, const char *text, bool port_required, struct endpoint *out,
	struct err *e)
{
	char buf[INET6_ADDRSTRLEN];
	const char *host;

	memset(out, 0, sizeof(*out));
	if (split_endpoint(text, out, e) < 0)
		return -1;
	if (port_required && out->port == 0)
		return err_config(e, "\"%.100s\": a port is needed, address:port", text);
	set_port(&out->addr, out->port);
	host = print_number(&out->addr, buf);
	if (out->addr.ss_family == AF_INET6)
		host = arena_printf(a, "[%s]", host);
	out->text = with_port(a, host, out->port);
	return 0;
}

/* Why nobody can connect to this address, or NULL. */
static const char *unbindable(const struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *v6 = (const void *)addr;
	const struct sockaddr_in *v4 = (const void *)addr;

	if (addr->ss_family == AF_INET)
		return IN_MULTICAST(ntohl(v4->sin_addr.s_addr)) ? "a multicast address" : NULL;
	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		return "an IPv4 address in IPv6 form; write it as IPv4";
	return IN6_IS_ADDR_MULTICAST(&v6->sin6_addr) ? "a multicast address" : NULL;
}

int value_binding(struct arena *a, const char *text, struct endpoint *out, struct err *e)
{
	const char *space = strchr(text, ' '), *why;
	size_t n = space != NULL ? (size_t)(space - text) : strlen(text);

	memset(out, 0, sizeof(*out));
	if (space != NULL && strcmp(space, " tls") != 0)
		return err_config(e, "\"%.100s\": behind the port stands \" tls\" or nothing",
			text);
	if (value_endpoint(a, arena_strndup(a, text, n), true, out, e) < 0)
		return -1;
	why = unbindable(&out->addr);
	if (why != NULL)
		return err_config(e, "\"%.100s\": %s", text, why);
	out->tls = space != NULL;
	if (out->tls)
		out->text = arena_printf(a, "%s tls", out->text);
	return 0;
}

bool endpoint_same_place(const struct endpoint *a, const struct endpoint *b)
{
	const struct sockaddr_in6 *a6 = (const void *)&a->addr, *b6 = (const void *)&b->addr;
	const struct sockaddr_in *a4 = (const void *)&a->addr, *b4 = (const void *)&b->addr;

	if (a->port != b->port || a->addr.ss_family != b->addr.ss_family)
		return false;
	return a->addr.ss_family == AF_INET ? a4->sin_addr.s_addr == b4->sin_addr.s_addr :
		IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr);
}

/* To 16 bytes, IPv4 mapped; false for other families. */
static bool to_bytes(const struct sockaddr *addr, unsigned char out[16])
{
	if (addr->sa_family == AF_INET) {
		memcpy(out, mapped_prefix, sizeof(mapped_prefix));
		memcpy(out + 12, &((const struct sockaddr_in *)(const void *)addr)->sin_addr, 4);
		return true;
	}
	if (addr->sa_family == AF_INET6) {
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr, 16);
		return true;
	}
	return false;
}

static bool range_end(const char *s, size_t n, unsigned char out[16])
{
	struct sockaddr_storage addr;

	return parse_number(s, n, &addr) && to_bytes((struct sockaddr *)&addr, out);
}

/* a/bits: fills lo and hi. Host bits must be zero, as a typing error would else open a door. */
static int parse_cidr(const char *text, const char *slash, struct ip_range *out, struct err *e)
{
	struct sockaddr_storage addr;
	unsigned long bits;
	size_t n = strlen(slash + 1), i;

	if (!parse_number(text, (size_t)(slash - text), &addr) || n == 0 || n > 3 ||
	    strspn(slash + 1, "0123456789") != n)
		return err_config(e, "IP range \"%.100s\": not address/bits", text);
	bits = strtoul(slash + 1, NULL, 10);
	if (bits > (addr.ss_family == AF_INET ? 32U : 128U))
		return err_config(e, "IP range \"%.100s\": more than %d bits",
			text, addr.ss_family == AF_INET ? 32 : 128);
	if (addr.ss_family == AF_INET)
		bits += 96;
	to_bytes((struct sockaddr *)&addr, out->lo);
	for (i = 0; i < 16; i++) {
		unsigned long fixed = bits <= 8 * i ? 0 : bits >= 8 * i + 8 ? 8 : bits - 8 * i;
		unsigned char host = (unsigned char)(0xff >> fixed);

		if ((out->lo[i] & host) != 0)
			return err_config(e, "IP range \"%.100s\": address bits beyond the "
				"prefix are set", text);
		out->hi[i] = out->lo[i] | host;
	}
	return 0;
}

static int parse_pair(const char *text, const char *dash, struct ip_range *out, struct err *e)
{
	size_t n = dash != NULL ? (size_t)(dash - text) : strlen(text);

	if (!range_end(text, n, out->lo))
		return err_config(e, "IP range \"%.100s\": not an address, a range a-b or "
			"address/bits", text);
	if (dash == NULL) {
		memcpy(out->hi, out->lo, sizeof(out->hi));
		return 0;
	}
	/* An IPv6 range may end in what looks like a mapped address, but not in an IPv4 number. */
	if (!range_end(dash + 1, strlen(dash + 1), out->hi) ||
	    (is_mapped(out->lo) ? !is_mapped(out->hi) : strchr(dash + 1, ':') == NULL))
		return err_config(e, "IP range \"%.100s\": the ends are not addresses of one "
			"family", text);
	if (memcmp(out->lo, out->hi, sizeof(out->lo)) > 0)
		return err_config(e, "IP range \"%.100s\": the first address is above the "
			"last", text);
	return 0;
}

static const char *print_bytes(const unsigned char b[16], bool v6, char buf[INET6_ADDRSTRLEN])
{
	if (!v6)
		return inet_ntop(AF_INET, b + 12, buf, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, b, buf, INET6_ADDRSTRLEN);
}

int value_ip_range(struct arena *a, const char *text, struct ip_range *out, struct err *e)
{
	const char *slash = strchr(text, '/');
	char lo[INET6_ADDRSTRLEN], hi[INET6_ADDRSTRLEN];
	int r;

	memset(out, 0, sizeof(*out));
	r = slash != NULL ? parse_cidr(text, slash, out, e)
		: parse_pair(text, strchr(text, '-'), out, e);
	if (r < 0)
		return -1;
	out->v6 = !is_mapped(out->lo);
	print_bytes(out->lo, out->v6, lo);
	if (memcmp(out->lo, out->hi, sizeof(out->lo)) == 0)
		out->text = arena_strdup(a, lo);
	else
		out->text = arena_printf(a, "%s-%s", lo, print_bytes(out->hi, out->v6, hi));
	return 0;
}

bool ip_range_contains(const struct ip_range *r, const struct sockaddr *addr)
{
	unsigned char b[16];

	if (!to_bytes(addr, b) || is_mapped(b) == r->v6)
		return false;
	return memcmp(r->lo, b, sizeof(b)) <= 0 && memcmp(b, r->hi, sizeof(b)) <= 0;
}

bool ip_range_within(const struct ip_range *a, const struct ip_range *b)
{
	return a->v6 == b->v6 && memcmp(b->lo, a->lo, sizeof(a->lo)) <= 0 &&
		memcmp(a->hi, b->hi, sizeof(a->hi)) <= 0;
}

bool ip_range_overlaps(const struct ip_range *a, const struct ip_range *b)
{
	return a->v6 == b->v6 && memcmp(a->lo, b->hi, sizeof(a->lo)) <= 0 &&
		memcmp(b->lo, a->hi, sizeof(a->hi)) <= 0;
}

int value_source_address(struct arena *a, const char *text, struct source_address *out,
	struct err *e)
{
	const char *space = strrchr(text, ' ');
	const char *number = space != NULL ? space + 1 : text;
	size_t n = space != NULL ? (size_t)(space - text) : 0;

	memset(out, 0, sizeof(*out));
	if (!parse_number(number, strlen(number), &out->addr))
		return err_config(e, "source address \"%.100s\": not \"address\" or "
			"\"server address\"", text);
	if (space == NULL)
		return 0;
	while (n > 0 && text[n - 1] == ' ')
		n--;
	if (n == 0)
		return err_config(e, "source address \"%.100s\": no server before the space",
			text);
	out->server = arena_strndup(a, text, n);
	return 0;
}
