/* test_ladder.c - the search for who takes mail, over every pattern of sites; whose turn it is */
#include <stdio.h>

#include "hubd/deliver/ladder.h"
#include "hubd/deliver/rota.h"
#include "unit.h"

enum { SITES_MAX = 9 };

struct search {
	size_t found, asked;
	unsigned answered;		/* bit of each site that was asked and did */
};

/* Asks as deliveries do; bit i of alive: site i answers. */
static struct search search(struct ladder *l, unsigned alive)
{
	struct search out = { 0 };
	unsigned seen = 0;
	size_t at;

	for (;;) {
		at = ladder_next(l);
		if (at == l->n || l->known[at] == LADDER_ANSWERS)
			break;
		ck_assert_uint_eq(seen >> at & 1, 0);
		seen |= 1u << at;
		out.asked++;
		out.answered |= alive & 1u << at;
		ladder_note(l, at, (alive >> at & 1) != 0 ? LADDER_ANSWERS : LADDER_SILENT);
	}
	out.found = at;
	return out;
}

static size_t farthest(unsigned alive, size_t n)
{
	size_t i;

	for (i = 0; i < n && (alive >> i & 1) == 0; i++)
		;
	return i;
}

/* The rule as it is written: sites from..to-1 are left, the nearest one after them answers. */
static size_t halves(unsigned alive, size_t from, size_t to)
{
	size_t middle;

	if (from == to)
		return to;
	middle = (from + to - 1) / 2;
	return (alive >> middle & 1) != 0 ? halves(alive, from, middle) :
		halves(alive, middle + 1, to);
}

/* Is the path cut in two: all from some site on answer, none before it? */
static bool is_cut(unsigned alive, size_t n)
{
	size_t i = farthest(alive, n);

	return alive == ((1u << n) - 1) >> i << i;
}

static size_t log2_up(size_t x)
{
	size_t bits = 0;

	while ((size_t)1 << bits < x)
		bits++;
	return bits;
}

START_TEST(one_after_the_other)
{
	size_t n = (size_t)_i;
	struct search got;
	struct ladder l;
	unsigned alive;

	for (alive = 0; alive < 1u << n; alive++) {
		ladder_init(&l, n, false);
		got = search(&l, alive);
		ck_assert_uint_eq(got.found, farthest(alive, n));
		ck_assert_uint_eq(got.asked, got.found < n ? got.found + 1 : n);
		ladder_deinit(&l);
	}
}
END_TEST

START_TEST(bisection)
{
	size_t n = (size_t)_i;
	struct search got;
	struct ladder l;
	unsigned alive;

	for (alive = 0; alive < 1u << n; alive++) {
		size_t model = halves(alive, 0, n);

		ladder_init(&l, n, true);
		got = search(&l, alive);
		ck_assert_uint_le(got.asked, n);
		if (model < n) {
			ck_assert_uint_eq(got.found, model);
			ck_assert_uint_le(got.asked, log2_up(n + 1));
		} else {
			/* nobody, or somebody that the search passed by */
			ck_assert_uint_eq(got.found, farthest(alive, n));
		}
		if (is_cut(alive, n))
			ck_assert_uint_eq(got.found, farthest(alive, n));
		/* somebody if anybody, and whoever is next before it does not answer */
		ck_assert(got.found < n || alive == 0);
		if (got.found < n)
			ck_assert_uint_ne(got.answered >> got.found & 1, 0);
		if (got.found > 0 && got.found < n)
			ck_assert_uint_eq(alive >> (got.found - 1) & 1, 0);
		ladder_deinit(&l);
	}
}
END_TEST

/*
 * Mail handed over goes on from where it is, by the ladder that is left there, until nobody nearer
 * answers: it ends at the farthest site that answers however the sites failed, in few steps.
 */
START_TEST(in_the_end)
{
	size_t n = (size_t)_i, at, steps;
	struct ladder l;
	unsigned alive;

	for (alive = 0; alive < 1u << n; alive++) {
		at = n;
		for (steps = 0; ; steps++) {
			size_t found;

			/* hops from there to the stop: at + 1 */
			ladder_init(&l, at, at + 1 > 4);
			found = search(&l, alive).found;
			ladder_deinit(&l);
			ck_assert_uint_le(found, at);
			if (found == at)
				break;
			at = found;
		}
		ck_assert_uint_eq(at, farthest(alive, n));
		ck_assert_uint_le(steps, n);
	}
}
END_TEST

/* What is remembered is not asked for; what turns out to be wrong is searched again. */
START_TEST(remembered)
{
	struct ladder l;

	ladder_init(&l, 7, true);
	ladder_note(&l, 3, LADDER_ANSWERS);
	ladder_note(&l, 1, LADDER_ANSWERS);
	ladder_note(&l, 0, LADDER_SILENT);
	ck_assert_uint_eq(ladder_next(&l), 1);
	ladder_note(&l, 1, LADDER_SILENT);
	ck_assert_uint_eq(ladder_next(&l), 2);
	ladder_note(&l, 2, LADDER_SILENT);
	ck_assert_uint_eq(ladder_next(&l), 3);
	ladder_note(&l, 3, LADDER_SILENT);
	ck_assert_uint_eq(ladder_next(&l), 5);
	ladder_deinit(&l);
	ladder_init(&l, 0, true);
	ck_assert_uint_eq(ladder_next(&l), 0);
	ladder_deinit(&l);
}
END_TEST

/* Connections among three servers; those of `out` are left out. */
static void turns(struct rota *r, unsigned out, int n, int *counts)
{
	static const char *const names[] = { "a", "b", "c" };
	int i, j, best;

	for (i = 0; i < n; i++) {
		best = -1;
		for (j = 0; j < 3; j++)
			if ((out >> j & 1) == 0 && (best < 0 ||
			    rota_turn(r, names[j]) < rota_turn(r, names[best])))
				best = j;
		rota_take(r, names[best]);
		counts[best]++;
	}
}

START_TEST(shares)
{
	struct rota *r = rota_new();
	int all[3] = { 0 }, two[3] = { 0 }, again[3] = { 0 };

	turns(r, 0, 30, all);
	ck_assert(all[0] == 10 && all[1] == 10 && all[2] == 10);
	turns(r, 2, 31, two);
	ck_assert(two[0] + two[2] == 31 && two[0] >= 15 && two[2] >= 15);
	turns(r, 0, 30, again);
	ck_assert(again[0] == 10 && again[1] == 10 && again[2] == 10);
	rota_free(&r);
	rota_free(&r);
}
END_TEST

START_TEST(answers)
{
	struct rota *r = rota_new();
	char name[20];
	int i;

	rota_note(r, "a", true);
	ck_assert(!rota_answers(r, "a"));
	rota_take(r, "a");
	ck_assert(!rota_answers(r, "a"));
	rota_note(r, "a", true);
	ck_assert(rota_answers(r, "a"));
	rota_take(r, "a");
	ck_assert(rota_answers(r, "a"));
	rota_note(r, "a", false);
	ck_assert(!rota_answers(r, "a"));
	/* the oldest is forgotten first */
	for (i = 0; i < ROTA_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		rota_take(r, name);
	}
	ck_assert_uint_eq(rota_turn(r, "a"), 0);
	ck_assert_uint_ne(rota_turn(r, "0"), 0);
	rota_free(&r);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("ladder");

	tcase_add_loop_test(tc, one_after_the_other, 0, SITES_MAX);
	tcase_add_loop_test(tc, bisection, 0, SITES_MAX);
	tcase_add_loop_test(tc, in_the_end, 0, SITES_MAX);
	tcase_add_test(tc, remembered);
	tcase_add_test(tc, shares);
	tcase_add_test(tc, answers);
	return unit_run("ladder", &tc, 1);
}
