/* fuzz_request.c - what slapd asks hub-validator: any bytes are read or refused, and what was read
 * can be applied to an entry.
 */
#include <stddef.h>
#include <stdint.h>

#include "libhub/org/object.h"
#include "tools/validator/apply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct entry *server(void)
{
	static const struct blob name = { (const unsigned char *)"a.x", 3 };
	static const struct blob number = { (const unsigned char *)"7", 1 };
	static const struct entry_attr attrs[] = {
		{ "cn", &name, 1 }, { "hubFQDN", &name, 1 }, { "hubPort", &number, 1 },
		{ "hubServerSite", &name, 1 },
	};
	static const struct entry entry = { .dn = "cn=a.x,cn=Servers,o=x", .attrs = attrs, .n = 4 };

	return &entry;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct obj_class *class = obj_class_by_ldap("hubServer");
	struct arena *a = arena_new();
	const char *text = (const char *)data;
	struct request r;
	struct err e;
	int code;

	(void)request_end(text, size);
	if (request_parse(a, text, size, &r, &e) == 0) {
		if (r.kind == REQUEST_ADD)
			(void)apply_add(a, &r, &code, &e);
		else if (r.kind == REQUEST_MODIFY)
			(void)apply_modify(a, server(), class, &r, &code, &e);
		else if (r.kind == REQUEST_RENAME)
			(void)apply_rename(a, server(), &r, &code, &e);
	}
	arena_free(&a);
	return 0;
}
