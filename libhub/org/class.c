/* class.c - the list of classes and look-ups in their tables. Pure; any thread. */
#include "libhub/org/attr.h"

#include <string.h>
#include <strings.h>

const struct obj_class *const obj_classes[OBJ_KINDS] = {
	[OBJ_ORGANIZATION] = &organization_class,
	[OBJ_SEND_CONNECTOR] = &send_connector_class,
	[OBJ_FOREIGN_CONNECTOR] = &foreign_connector_class,
	[OBJ_AGENT_CONNECTOR] = &agent_connector_class,
	[OBJ_ROUTING_GROUP_CONNECTOR] = &routing_group_connector_class,
	[OBJ_RECEIVE_CONNECTOR] = &receive_connector_class,
	[OBJ_ROUTING_GROUP] = &routing_group_class,
	[OBJ_SITE] = &site_class,
	[OBJ_SITE_LINK] = &site_link_class,
	[OBJ_SERVER] = &server_class,
	[OBJ_MAILBOX_SERVER] = &mailbox_server_class,
	[OBJ_ACCEPTED_DOMAIN] = &accepted_domain_class,
	[OBJ_REMOTE_DOMAIN] = &remote_domain_class,
	[OBJ_EDGE_SUBSCRIPTION] = &edge_subscription_class,
};

const struct attr_def obj_common_attrs[] = {
	A_TEXT(obj, description, "description", 0, 1024),
	A_TEXT(obj, comment, "hubComment", 0, 1024),
	A_FLAG(obj, enabled, "hubEnabled", true),
	A_END
};

enum { COMMON_ROWS = sizeof(obj_common_attrs) / sizeof(obj_common_attrs[0]) - 1 };

const char *const protocol_logging_names[] = { "None", "Verbose", NULL };

const struct obj_class *obj_class_by_ldap(const char *object_class)
{
	size_t i;

	for (i = 0; i < OBJ_KINDS; i++)
		if (strcasecmp(obj_classes[i]->ldap_class, object_class) == 0)
			return obj_classes[i];
	return NULL;
}

const struct obj_class *obj_class_by_noun(const char *noun)
{
	size_t i;

	for (i = 0; i < OBJ_KINDS; i++)
		if (strcmp(obj_classes[i]->noun, noun) == 0)
			return obj_classes[i];
	return NULL;
}

const struct attr_def *obj_class_row(const struct obj_class *class, size_t n)
{
	const struct attr_def *def;

	def = n < COMMON_ROWS ? &obj_common_attrs[n] : &class->attrs[n - COMMON_ROWS];
	return def->name != NULL ? def : NULL;
}

static const struct attr_def *find_row(const struct attr_def *def, const char *name)
{
	/* the fourth letter is the first one that differs between most rows */
	for (; def->name != NULL; def++)
		if ((def->name[3] | 0x20) == (name[3] | 0x20) && strcasecmp(def->name, name) == 0)
			return def;
	return NULL;
}

const struct attr_def *obj_class_attr(const struct obj_class *class, const char *name)
{
	const struct attr_def *def;

	if (strlen(name) < 4)
		return NULL;
	def = find_row(class->attrs, name);
	return def != NULL ? def : find_row(obj_common_attrs, name);
}
