/* plus.c - plus-addressing: user+detail@domain is user@domain, where the organization wants that */
#include <string.h>

#include "libhub/org/recipients.h"

bool recipient_without_detail(const char *address, char out[RECIPIENT_TEXT_MAX + 1])
{
	const char *at = strrchr(address, '@'), *plus = strchr(address, '+');
	size_t n;

	/* a quoted local part means what it says */
	if (at == NULL || plus == NULL || plus > at || plus == address || *address == '"' ||
		strlen(address) > RECIPIENT_TEXT_MAX)
		return false;
	n = (size_t)(plus - address);
	memcpy(out, address, n);
	memcpy(out + n, at, strlen(at) + 1);
	return true;
}

void recipients_find_plus(struct recipients *r, bool plus, const char *address,
	struct recipient_info *out)
{
	char base[RECIPIENT_TEXT_MAX + 1];

	recipients_find(r, address, out);
	if (plus && out->outcome == RECIPIENT_UNKNOWN && recipient_without_detail(address, base))
		recipients_find(r, base, out);
}
