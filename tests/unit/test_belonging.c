/* test_belonging.c - edgesyncd/belonging.c: which hubs have business with an edge that is moved. */
#include "edgesyncd/belonging.h"
#include "unit.h"

enum { SITES = 3 };

static struct site sites[SITES];
static const struct ref nowhere, london = { .target = &sites[0].obj },
	paris = { .target = &sites[1].obj }, rome = { .target = &sites[2].obj };

/* The edge's site, the one whose hubs have the accounts, and what hubs of each of the three are. */
static const struct {
	const struct ref *site, *sync;
	enum belonging is[SITES];
	const struct ref *former;
	bool settled;
} rows[] = {
	{ &london, &london, { BELONGS }, &nowhere, true },
	/* made before anybody wrote that */
	{ &london, &nowhere, { BELONGS }, &nowhere, false },
	{ &paris, &london, { BELONGS_FORMER, BELONGS }, &london, false },
	/* moved on before those of Paris had it, and after */
	{ &rome, &london, { BELONGS_FORMER, BELONGS_NOT, BELONGS }, &london, false },
	{ &rome, &paris, { BELONGS_NOT, BELONGS_FORMER, BELONGS }, &paris, false },
	/* and moved back after */
	{ &london, &paris, { BELONGS, BELONGS_FORMER }, &paris, false },
	{ &nowhere, &london, { BELONGS_NOT }, &nowhere, false },
	{ &nowhere, &nowhere, { BELONGS_NOT }, &nowhere, false },
};

START_TEST(of_each_site)
{
	const struct ref *const of[SITES] = { &london, &paris, &rome };
	struct edge_subscription sub = { .site = *rows[_i].site, .sync_site = *rows[_i].sync };
	struct server hub = { .obj.enabled = true, .role = ROLE_HUB };
	size_t i;

	for (i = 0; i < SITES; i++) {
		hub.site = *of[i];
		ck_assert_msg(belonging_of(&hub, &sub) == rows[_i].is[i], "site %zu", i);
	}
	ck_assert_ptr_eq(belonging_former_site(&sub), rows[_i].former->target);
	ck_assert(belonging_is_settled(&sub) == rows[_i].settled);
}
END_TEST

START_TEST(of_no_hub)
{
	struct edge_subscription sub = { .site = paris, .sync_site = london };
	struct server hub = { .obj.enabled = true, .role = ROLE_HUB };

	ck_assert_int_eq(belonging_of(&hub, &sub), BELONGS_NOT);
	hub.site = london;
	hub.obj.enabled = false;
	ck_assert_int_eq(belonging_of(&hub, &sub), BELONGS_NOT);
	hub.obj.enabled = true;
	hub.role = ROLE_EDGE;
	ck_assert_int_eq(belonging_of(&hub, &sub), BELONGS_NOT);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("belonging");

	tcase_add_loop_test(tc, of_each_site, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, of_no_hub);
	return unit_run("belonging", &tc, 1);
}
