/* belonging.c - see belonging.h */
#include "edgesyncd/belonging.h"

bool belonging_is_settled(const struct edge_subscription *sub)
{
	return sub->site.target != NULL && sub->sync_site.target == sub->site.target;
}

const struct obj *belonging_former_site(const struct edge_subscription *sub)
{
	return sub->site.target != NULL && !belonging_is_settled(sub) ? sub->sync_site.target :
		NULL;
}

enum belonging belonging_of(const struct server *hub, const struct edge_subscription *sub)
{
	if (hub->role != ROLE_HUB || !hub->obj.enabled || hub->site.target == NULL ||
	    sub->site.target == NULL)
		return BELONGS_NOT;
	if (hub->site.target == sub->site.target)
		return BELONGS;
	return hub->site.target == belonging_former_site(sub) ? BELONGS_FORMER : BELONGS_NOT;
}
