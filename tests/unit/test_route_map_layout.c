/* Where the boxes of route map stand. */
#include "unit.h"

#include <math.h>

#include "tools/route_map_layout.h"

enum { BOXES_MAX = 60 };

struct picture {
	struct map_box v[BOXES_MAX];
	struct map_line lines[BOXES_MAX];
	size_t n, n_lines;
};

static bool overlap(const struct map_box *a, const struct map_box *b)
{
	return fabs(a->x - b->x) < (a->width + b->width) / 2 - 0.1 &&
		fabs(a->y - b->y) < (a->height + b->height) / 2 - 0.1;
}

static void lay_out(struct picture *p)
{
	size_t i, j;

	for (i = 0; i < p->n; i++) {
		p->v[i].width = 70 + (double)(i * 37 % 90);
		p->v[i].height = 40 + (double)(i * 23 % 50);
	}
	map_layout(p->v, p->n, p->lines, p->n_lines);
	for (i = 0; i < p->n; i++) {
		ck_assert(isfinite(p->v[i].x) && isfinite(p->v[i].y));
		ck_assert(p->v[i].x >= p->v[i].width / 2 - 0.1);
		ck_assert(p->v[i].y >= p->v[i].height / 2 - 0.1);
		for (j = 0; j < i; j++)
			ck_assert_msg(!overlap(&p->v[i], &p->v[j]), "%zu on %zu of %zu", i, j,
				p->n);
	}
}

START_TEST(nothing_overlaps)
{
	size_t n = (size_t)_i;
	struct picture p = { .n = n };
	size_t i;

	/* A tree, in which box 0 has many neighbours. */
	for (i = 1; i < n; i++)
		p.lines[p.n_lines++] = (struct map_line){ i % 3 == 0 ? i / 3 : 0, i };
	lay_out(&p);
}
END_TEST

START_TEST(parts_without_lines)
{
	struct picture p = { .n = 9 };

	p.lines[p.n_lines++] = (struct map_line){ 0, 1 };
	p.lines[p.n_lines++] = (struct map_line){ 0, 1 };
	lay_out(&p);
}
END_TEST

START_TEST(always_the_same)
{
	struct picture p = { .n = 20 }, q;
	size_t i;

	for (i = 1; i < p.n; i++)
		p.lines[p.n_lines++] = (struct map_line){ i / 2, i };
	q = p;
	lay_out(&p);
	lay_out(&q);
	for (i = 0; i < p.n; i++)
		ck_assert(p.v[i].x == q.v[i].x && p.v[i].y == q.v[i].y);
}
END_TEST

START_TEST(neighbours_are_nearer)
{
	struct picture p = { .n = 7 };
	size_t i;

	for (i = 1; i < p.n; i++)
		p.lines[p.n_lines++] = (struct map_line){ i - 1, i };
	lay_out(&p);
	for (i = 1; i + 1 < p.n; i++)
		ck_assert(hypot(p.v[i].x - p.v[0].x, p.v[i].y - p.v[0].y) <
			hypot(p.v[i + 1].x - p.v[0].x, p.v[i + 1].y - p.v[0].y));
	/* a chain lies down */
	ck_assert(fabs(p.v[6].x - p.v[0].x) > fabs(p.v[6].y - p.v[0].y));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("layout");

	tcase_add_loop_test(tc, nothing_overlaps, 0, BOXES_MAX);
	tcase_add_test(tc, parts_without_lines);
	tcase_add_test(tc, always_the_same);
	tcase_add_test(tc, neighbours_are_nearer);
	return unit_run("route_map_layout", &tc, 1);
}
