/* permission.c - permission groups, rights, and what each group may do by itself.
 *
 * The table is that of hub-directory(7) section 4. HubServers stands for servers proven by their
 * key and for those that ExternalAuthoritative declares secure; the session that grants the latter
 * leaves out the headers rights by itself.
 */
#include "libhub/org/connector.h"

#include <string.h>

const char *const right_names[RIGHTS + 1] = {
	[RIGHT_SUBMIT] = "Submit",
	[RIGHT_ACCEPT_ANY_RECIPIENT] = "Accept-Any-Recipient",
	[RIGHT_ACCEPT_ANY_SENDER] = "Accept-Any-Sender",
	[RIGHT_ACCEPT_AUTHORITATIVE_DOMAIN_SENDER] = "Accept-Authoritative-Domain-Sender",
	[RIGHT_ACCEPT_AUTHENTICATION_FLAG] = "Accept-Authentication-Flag",
	[RIGHT_ACCEPT_HEADERS_ROUTING] = "Accept-Headers-Routing",
	[RIGHT_ACCEPT_HEADERS_ORGANIZATION] = "Accept-Headers-Organization",
	[RIGHT_ACCEPT_HEADERS_FOREST] = "Accept-Headers-Forest",
	[RIGHT_BYPASS_ANTI_SPAM] = "Bypass-Anti-Spam",
	[RIGHT_BYPASS_MESSAGE_SIZE_LIMIT] = "Bypass-Message-Size-Limit",
};

const char *const permission_group_names[] = {
	[GROUP_ANONYMOUS] = "AnonymousUsers",
	[GROUP_HUB_USERS] = "HubUsers",
	[GROUP_HUB_SERVERS] = "HubServers",
	[GROUP_LEGACY_SERVERS] = "LegacyServers",
	[GROUP_PARTNERS] = "Partners",
	NULL
};

#define R(x) (UINT32_C(1) << RIGHT_##x)
#define R_TRUSTED                                                                               \
	(R(SUBMIT) | R(ACCEPT_ANY_RECIPIENT) | R(ACCEPT_ANY_SENDER) |                            \
	 R(ACCEPT_AUTHORITATIVE_DOMAIN_SENDER) | R(ACCEPT_AUTHENTICATION_FLAG) |                 \
	 R(ACCEPT_HEADERS_ROUTING) | R(BYPASS_ANTI_SPAM) | R(BYPASS_MESSAGE_SIZE_LIMIT))

static const uint32_t group_rights[] = {
	[GROUP_ANONYMOUS] = R(SUBMIT) | R(ACCEPT_ANY_SENDER) |
		R(ACCEPT_AUTHORITATIVE_DOMAIN_SENDER) | R(ACCEPT_HEADERS_ROUTING),
	[GROUP_HUB_USERS] = R(SUBMIT) | R(ACCEPT_ANY_RECIPIENT) | R(ACCEPT_HEADERS_ROUTING) |
		R(BYPASS_ANTI_SPAM),
	[GROUP_HUB_SERVERS] = R_TRUSTED | R(ACCEPT_HEADERS_ORGANIZATION) | R(ACCEPT_HEADERS_FOREST),
	[GROUP_LEGACY_SERVERS] = R_TRUSTED,
	[GROUP_PARTNERS] = R(SUBMIT) | R(ACCEPT_HEADERS_ROUTING),
};

uint32_t permission_group_rights(enum permission_group g)
{
	BUG_ON((size_t)g >= sizeof(group_rights) / sizeof(group_rights[0]));
	return group_rights[g];
}

static int find_name(const char *const *names, const char *s, size_t n)
{
	int i;

	for (i = 0; names[i] != NULL; i++)
		if (strlen(names[i]) == n && memcmp(names[i], s, n) == 0)
			return i;
	return -1;
}

int value_grant(const char *text, struct grant *out, struct err *e)
{
	const char *space = strrchr(text, ' ');
	int group, right;

	if (space == NULL)
		return err_config(e, "grant \"%.100s\": not \"principal right\"", text);
	group = find_name(permission_group_names, text, (size_t)(space - text));
	right = find_name(right_names, space + 1, strlen(space + 1));
	if (group < 0)
		return err_config(e, "grant \"%.100s\": the principal is none of "
			"AnonymousUsers, HubUsers, HubServers, LegacyServers, Partners", text);
	if (right < 0)
		return err_config(e, "grant \"%.100s\": unknown right; the rights are listed in "
			"hub-directory(7)", text);
	out->groups = UINT32_C(1) << group;
	out->rights = UINT32_C(1) << right;
	return 0;
}
