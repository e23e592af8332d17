/* route_map_layout.c - see route_map_layout.h
 *
 * Distances on paper are made to follow distances in the graph: the stress of Kamada and Kawai, the
 * sum of squared relative errors over all pairs, made smaller by majorization (Gansner, Koren,
 * North: Graph Drawing by Stress Majorization, 2004), which never makes it larger. It ends in a
 * valley that depends on where it began, so several beginnings are tried and the best is kept. Then
 * boxes that overlap are pushed apart and off the lines of others. Memory and time grow with the
 * square of n; beyond MANY boxes less is tried.
 */
#include "tools/route_map_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/base/mem.h"

enum { STARTS = 12, ROUNDS = 120, PUSHES = 300, CLEARINGS = 250, MANY = 150, QUEUE_NONE = -1 };

/* What one hop is on paper; wide boxes need more room beside than above each other. */
#define HOP_WIDTH 250.0
#define HOP_HEIGHT 150.0
/* Between boxes there is room for a label beside each other, and for a line of text above. */
#define GAP_BESIDE 70.0
#define GAP_ABOVE 34.0
#define GAP_LINE 9.0

struct layout {
	struct map_box *v;
	size_t n;
	const struct map_line *lines;
	size_t n_lines;
	int *hops;			/* n by n */
	double *x, *y;			/* in hops */
};

/* Breadth first from one box; what is not joined to it stays at QUEUE_NONE. */
static void count_hops(const struct layout *l, size_t from, size_t *queue)
{
	int *hops = l->hops + from * l->n;
	size_t head = 0, tail = 0, i;

	for (i = 0; i < l->n; i++)
		hops[i] = QUEUE_NONE;
	hops[from] = 0;
	queue[tail++] = from;
	while (head < tail) {
		size_t at = queue[head++];

		for (i = 0; i < l->n_lines; i++) {
			size_t other = l->lines[i].from == at ? l->lines[i].to :
				l->lines[i].to == at ? l->lines[i].from : at;

			if (hops[other] == QUEUE_NONE) {
				hops[other] = hops[at] + 1;
				queue[tail++] = other;
			}
		}
	}
}

/* Parts that nothing joins stand beside each other, not too far. */
static void join_parts(const struct layout *l)
{
	int far = (int)sqrt((double)l->n) + 1;
	size_t i;

	for (i = 0; i < l->n * l->n; i++)
		if (l->hops[i] == QUEUE_NONE)
			l->hops[i] = far;
}

static double stress(const struct layout *l)
{
	double sum = 0;
	size_t i, j;

	for (i = 0; i < l->n; i++)
		for (j = i + 1; j < l->n; j++) {
			double want = l->hops[i * l->n + j];
			double is = hypot(l->x[i] - l->x[j], l->y[i] - l->y[j]);

			sum += (is - want) * (is - want) / (want * want);
		}
	return sum;
}

/* Puts one box where the others, each by its weight, want it. */
static void settle(struct layout *l, size_t i)
{
	double x = 0, y = 0, weights = 0;
	size_t j;

	for (j = 0; j < l->n; j++) {
		double want = l->hops[i * l->n + j], weight, is, pull;

		if (j == i)
			continue;
		weight = 1 / (want * want);
		is = hypot(l->x[i] - l->x[j], l->y[i] - l->y[j]);
		pull = is > 1e-9 ? want / is : 0;
		x += weight * (l->x[j] + pull * (l->x[i] - l->x[j]));
		y += weight * (l->y[j] + pull * (l->y[i] - l->y[j]));
		weights += weight;
	}
	if (weights > 0) {
		l->x[i] = x / weights;
		l->y[i] = y / weights;
	}
}

/* A circle in an order that differs with each start; no random numbers, so always the same. */
static void begin(struct layout *l, unsigned int start)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		unsigned long place = (unsigned long)i * (2 * start + 1) + start * (i % 3);
		double angle = 2 * M_PI * (double)(place % (l->n + 1)) / (double)(l->n + 1);
		double radius = sqrt((double)l->n) / 2 * (1 + 0.1 * (double)(i % (start + 2)));

		l->x[i] = radius * cos(angle + 0.001 * (double)i);
		l->y[i] = radius * sin(angle + 0.001 * (double)i);
	}
}

static void place(struct layout *l)
{
	double *best = xcalloc(2 * l->n, sizeof(*best)), least = INFINITY, now;
	unsigned int start, starts = l->n > MANY ? 1 : STARTS, round;
	size_t i;

	for (start = 0; start < starts; start++) {
		begin(l, start);
		for (round = 0; round < ROUNDS; round++)
			for (i = 0; i < l->n; i++)
				settle(l, i);
		now = stress(l);
		if (now < least) {
			least = now;
			memcpy(best, l->x, l->n * sizeof(*best));
			memcpy(best + l->n, l->y, l->n * sizeof(*best));
		}
	}
	memcpy(l->x, best, l->n * sizeof(*best));
	memcpy(l->y, best + l->n, l->n * sizeof(*best));
	free(best);
}

/* Turns the picture so that it is wider than high, as paper and screens are. */
static void turn(struct layout *l)
{
	double xx = 0, yy = 0, xy = 0, angle, c, s;
	size_t i;

	for (i = 0; i < l->n; i++) {
		xx += l->x[i] * l->x[i];
		yy += l->y[i] * l->y[i];
		xy += l->x[i] * l->y[i];
	}
	angle = 0.5 * atan2(2 * xy, xx - yy);
	c = cos(angle);
	s = sin(angle);
	for (i = 0; i < l->n; i++) {
		double x = l->x[i], y = l->y[i];

		l->x[i] = c * x + s * y;
		l->y[i] = c * y - s * x;
	}
}

static void center(struct layout *l)
{
	double x = 0, y = 0;
	size_t i;

	for (i = 0; i < l->n; i++) {
		x += l->x[i] / (double)l->n;
		y += l->y[i] / (double)l->n;
	}
	for (i = 0; i < l->n; i++) {
		l->x[i] -= x;
		l->y[i] -= y;
	}
}

/* Pushes two boxes apart the shorter way. 1 if they were too close. */
static int push(struct map_box *a, struct map_box *b)
{
	double x = (a->width + b->width) / 2 + GAP_BESIDE - fabs(a->x - b->x);
	double y = (a->height + b->height) / 2 + GAP_ABOVE - fabs(a->y - b->y);

	if (x <= 0.01 || y <= 0.01)
		return 0;
	if (x < y) {
		x = a->x < b->x ? x / 2 : -x / 2;
		a->x -= x;
		b->x += x;
	} else {
		y = a->y < b->y ? y / 2 : -y / 2;
		a->y -= y;
		b->y += y;
	}
	return 1;
}

static void separate(struct map_box *v, size_t n)
{
	int moved = 1, times;
	size_t i, j;

	for (times = 0; moved != 0 && times < PUSHES; times++) {
		moved = 0;
		for (i = 0; i < n; i++)
			for (j = i + 1; j < n; j++)
				moved |= push(&v[i], &v[j]);
	}
}

/* Moves a box off a line that joins others, if it is in its way. 1 if it was. */
static int clear_line(struct map_box *a, struct map_box *b, struct map_box *box)
{
	double dx = b->x - a->x, dy = b->y - a->y, length = hypot(dx, dy), away, need, along;

	if (length < 1)
		return 0;
	dx /= length;
	dy /= length;
	along = ((box->x - a->x) * dx + (box->y - a->y) * dy) / length;
	away = (box->y - a->y) * dx - (box->x - a->x) * dy;
	need = (fabs(dy) * box->width + fabs(dx) * box->height) / 2 + GAP_LINE;
	if (along <= 0 || along >= 1 || fabs(away) >= need)
		return 0;
	need = (away < 0 ? -need : need) - away;
	/* the box gives way most, the line a little */
	box->x -= dy * need * 0.5;
	box->y += dx * need * 0.5;
	a->x += dy * need * 0.15;
	a->y -= dx * need * 0.15;
	b->x += dy * need * 0.15;
	b->y -= dx * need * 0.15;
	return 1;
}

/* Takes turns with separate, for each undoes some of the other; separate has the last word. */
static void clear_lines(struct map_box *v, size_t n, const struct map_line *lines, size_t n_lines)
{
	int moved = 1, times;
	size_t i, j;

	for (times = 0; moved != 0 && times < CLEARINGS && n <= MANY; times++) {
		moved = 0;
		for (i = 0; i < n_lines; i++)
			for (j = 0; j < n; j++)
				if (j != lines[i].from && j != lines[i].to)
					moved |= clear_line(&v[lines[i].from], &v[lines[i].to],
						&v[j]);
		separate(v, n);
	}
}

static void to_corner(struct map_box *v, size_t n)
{
	double left = INFINITY, top = INFINITY;
	size_t i;

	for (i = 0; i < n; i++) {
		left = fmin(left, v[i].x - v[i].width / 2);
		top = fmin(top, v[i].y - v[i].height / 2);
	}
	for (i = 0; i < n; i++) {
		v[i].x -= left;
		v[i].y -= top;
	}
}

void map_layout(struct map_box *v, size_t n, const struct map_line *lines, size_t n_lines)
{
	struct layout l = { .v = v, .n = n, .lines = lines, .n_lines = n_lines };
	size_t *queue, i;

	if (n == 0)
		return;
	l.hops = xcalloc(n * n, sizeof(*l.hops));
	l.x = xcalloc(n, sizeof(*l.x));
	l.y = xcalloc(n, sizeof(*l.y));
	queue = xcalloc(n, sizeof(*queue));
	for (i = 0; i < n; i++)
		count_hops(&l, i, queue);
	join_parts(&l);
	place(&l);
	center(&l);
	turn(&l);
	for (i = 0; i < n; i++) {
		v[i].x = l.x[i] * HOP_WIDTH;
		v[i].y = l.y[i] * HOP_HEIGHT;
	}
	separate(v, n);
	clear_lines(v, n, lines, n_lines);
	to_corner(v, n);
	free(l.hops);
	free(l.x);
	free(l.y);
	free(queue);
}
