/* edge_subscription.h - the verbs of edge-subscription that are its own; see hubctl(1).
 *
 * "new" talks to the edge's own directory, "import" to the organization's, "remove" to either: an
 * edge's directory is known by its cn=Edge State.
 */
#ifndef HUB_TOOLS_EDGE_SUBSCRIPTION_H
#define HUB_TOOLS_EDGE_SUBSCRIPTION_H

#include "tools/args.h"
#include "tools/change.h"

enum ctl_status edge_subscription_new(struct ctl *ctl, const struct args *args);
enum ctl_status edge_subscription_import(struct ctl *ctl, const struct args *args);
enum ctl_status edge_subscription_remove(struct ctl *ctl, const struct args *args);

/*
 * At the edge: ends the subscription, if there is one, and takes away all that is replicated. org
 * is read anew after that. *objects is how many went that people know by name.
 */
enum ctl_status edge_subscription_clear(struct ctl *ctl, struct org *org, size_t *objects);

#endif
