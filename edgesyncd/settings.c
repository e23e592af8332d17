/* settings.c - see settings.h */
#include "edgesyncd/settings.h"

enum { YEAR_S = 365 * 86400 };

#define SECONDS(key, field, min, max) \
	{ key, SETTING_UINT, 0, offsetof(struct edge_settings, field), min, max, NULL }

static const struct setting table[] = {
	SECONDS("lease_time", lease_time_s, 2, 3600),
	SECONDS("account_lifetime", account_lifetime_s, 10, 10u * YEAR_S),
	SECONDS("account_renewal", account_renewal_s, 1, 10u * YEAR_S),
	SECONDS("comparison_interval", comparison_interval_s, 1, 7 * 86400),
	SECONDS("recipient_delay", recipient_delay_s, 0, 5),
	{ NULL, SETTING_TEXT, 0, 0, 0, 0, NULL },
};

/* A successor made the moment its forerunner begins would be followed by the next at once. */
static int check_renewal(const struct edge_settings *s, struct err *e)
{
	if (s->account_renewal_s < s->account_lifetime_s)
		return 0;
	err_set(e, ERR_CONFIG, 0, "must be less than account_lifetime, %u", s->account_lifetime_s);
	return common_settings_blame(&s->common, "account_renewal", e);
}

/* Credentials on the edges are sealed to the hub's keys: without one there is none to open. */
static int check_key(const struct edge_settings *s, struct err *e)
{
	if (s->common.certificate != NULL)
		return 0;
	err_set(e, ERR_CONFIG, 0, "missing: what edges trust this hub with is sealed to its key");
	return common_settings_blame(&s->common, "certificate", e);
}

int edge_settings_load(const char *path, struct arena *arena, struct edge_settings *out,
	struct err *e)
{
	*out = (struct edge_settings){ .lease_time_s = 60, .account_lifetime_s = 90 * 86400,
		.account_renewal_s = 7 * 86400, .comparison_interval_s = 3600,
		.recipient_delay_s = 1 };
	if (common_settings_load(path, table, out, sizeof(*out), arena, e) != 0 ||
		check_key(out, e) != 0)
		return -1;
	return check_renewal(out, e);
}
