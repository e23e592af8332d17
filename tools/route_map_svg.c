/* route_map_svg.c - see route_map_svg.h
 *
 * A site is a box: its name above, then hubs, edges, connectors. A link of two sites is a line with
 * its cost in the middle; one of more sites is a dot that each of them is joined to.
 */
#include "tools/route_map_svg.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "tools/route_map_layout.h"

enum { LINES_MAX = 12, CHARS_MAX = 34, MARGIN = 30, LINE_HEIGHT = 15, HEAD_HEIGHT = 22,
	LABEL_HEIGHT = 15, LABEL_STEPS = 16, RINGS_INSIDE = 60 };
/* Upper bounds for most fonts: what is wider still has the margin. */
#define CHAR_WIDTH 6.8
#define HEAD_CHAR_WIDTH 8.7

struct text_line {
	const char *class, *text;
};

struct node {
	const json_t *site;		/* NULL: where the lines of a link of several sites meet */
	const json_t *link;		/* that link */
	struct text_line lines[LINES_MAX];
	size_t n;
};

struct drawing {
	FILE *out;
	struct arena *a;
	const json_t *map;
	struct node *nodes;
	struct map_box *boxes;
	size_t n;
	struct map_line *lines;
	size_t n_lines;
	struct map_box *labels;		/* drawn so far */
	size_t n_labels;
	double width, height;		/* of all boxes together */
};

static const char style[] =
	"text{font:11px sans-serif;fill:#243040}"
	".name{font-size:13px;font-weight:bold}.hub .name{fill:#fff}"
	".box{fill:#fff;stroke:#5b7083;stroke-width:1.2}.head{fill:#dfe7ee}"
	".hub .box{stroke:#1d4f7c;stroke-width:2}.hub .head{fill:#1d4f7c}"
	".off .box{stroke-dasharray:4 3;stroke:#a0a8b0}.off .head{fill:#eceff2}"
	".off text{fill:#8a939c}.none{fill:#98a2ac;font-style:italic}"
	".edge{fill:#8a4b08}.connector{fill:#1c6b3a}"
	".link{stroke:#7b8c9c;stroke-width:1.4;fill:none}"
	".limit{stroke:#b0562a}.linkoff{stroke-dasharray:4 4;stroke:#b8c0c8}"
	".dot{fill:#7b8c9c}.cost{text-anchor:middle;font-weight:bold}"
	".plate{fill:#fff;fill-opacity:.88;stroke:#c4ced6;stroke-width:.6}"
	".key text{fill:#56636f}";

static const char *text_of(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

/* Cut after so many characters of UTF-8. */
static const char *shortened(struct arena *a, const char *text)
{
	size_t n = 0, i;

	for (i = 0; text[i] != '\0'; i++) {
		if (((unsigned char)text[i] & 0xc0) == 0x80)
			continue;
		if (n++ == CHARS_MAX - 1 && text[i + 1] != '\0')
			return arena_printf(a, "%.*s\u2026", (int)i, text);
	}
	return text;
}

static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void add_line(struct drawing *d, struct node *node, const char *class, const char *text)
{
	if (node->n == LINES_MAX - 1)
		node->lines[node->n++] = (struct text_line){ "none", "\u2026" };
	else if (node->n < LINES_MAX - 1)
		node->lines[node->n++] = (struct text_line){ class, shortened(d->a, text) };
}

static const char *joined(struct arena *a, const json_t *names)
{
	const char *text = "";
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
		text = arena_printf(a, "%s%s%s", text, i == 0 ? "" : ", ", json_string_value(name));
	return text;
}

static void describe_site(struct drawing *d, struct node *node)
{
	const json_t *hubs = json_object_get(node->site, "hubs");
	const json_t *edges = json_object_get(node->site, "edges");
	const json_t *mailboxes = json_object_get(node->site, "mailbox_servers");
	json_t *row;
	size_t i;

	if (json_array_size(hubs) != 0)
		add_line(d, node, "hubs", joined(d->a, hubs));
	else
		add_line(d, node, "none", "no hub");
	if (json_array_size(mailboxes) != 0)
		add_line(d, node, "mailbox", arena_printf(d->a, "\u2709 %s",
			joined(d->a, mailboxes)));
	if (json_array_size(edges) != 0)
		add_line(d, node, "edge", arena_printf(d->a, "edge %s", joined(d->a, edges)));
	json_array_foreach(json_object_get(node->site, "connectors"), i, row)
		add_line(d, node, "connector", arena_printf(d->a, "\u2192 %s: %s",
			text_of(row, "connector"),
			route_map_reach(d->a, row)));
}

static const char *bytes(struct arena *a, json_int_t n)
{
	if (n >= 1000000)
		return arena_printf(a, "%.3g MB", (double)n / 1e6);
	return n >= 1000 ? arena_printf(a, "%.3g kB", (double)n / 1e3) :
		arena_printf(a, "%lld B", (long long)n);
}

static const char *link_label(struct arena *a, const json_t *link)
{
	json_int_t limit = json_integer_value(json_object_get(link, "max_size"));
	const char *cost = arena_printf(a, "%lld",
		(long long)json_integer_value(json_object_get(link, "cost")));

	return limit == 0 ? cost : arena_printf(a, "%s, \u2264 %s", cost, bytes(a, limit));
}

static double label_width(const char *label)
{
	return 6.6 * (double)characters(label) + 8;
}

static void size_box(struct arena *a, const struct node *node, struct map_box *box)
{
	double width;
	size_t i;

	if (node->site == NULL) {
		box->width = label_width(link_label(a, node->link)) + 4;
		box->height = LABEL_HEIGHT + 4;
		return;
	}
	width = HEAD_CHAR_WIDTH * (double)characters(text_of(node->site, "site"));
	for (i = 0; i < node->n; i++)
		width = fmax(width, CHAR_WIDTH * (double)characters(node->lines[i].text));
	box->width = fmax(width + 20, 70);
	box->height = HEAD_HEIGHT + 8 + LINE_HEIGHT * (double)node->n;
}

static size_t node_of(const struct drawing *d, const char *site)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->nodes[i].site != NULL && strcmp(text_of(d->nodes[i].site, "site"),
			site) == 0)
			return i;
	return d->n;
}

static void add_edge(struct drawing *d, size_t from, size_t to)
{
	if (from != to && from < d->n && to < d->n)
		d->lines[d->n_lines++] = (struct map_line){ from, to };
}

static void add_links(struct drawing *d, const json_t *links)
{
	size_t dot = json_array_size(json_object_get(d->map, "sites")), i, j;
	json_t *link, *name;

	json_array_foreach(links, i, link) {
		const json_t *sites = json_object_get(link, "sites");

		if (json_array_size(sites) == 2) {
			add_edge(d, node_of(d, json_string_value(json_array_get(sites, 0))),
				node_of(d, json_string_value(json_array_get(sites, 1))));
		} else if (json_array_size(sites) > 2) {
			json_array_foreach(sites, j, name)
				add_edge(d, dot, node_of(d, json_string_value(name)));
			dot++;
		}
	}
}

static void build(struct drawing *d)
{
	const json_t *sites = json_object_get(d->map, "sites");
	const json_t *links = json_object_get(d->map, "links");
	size_t ends = 0, dot, i;
	json_t *o;

	d->n = json_array_size(sites);
	json_array_foreach(links, i, o) {
		ends += json_array_size(json_object_get(o, "sites"));
		d->n += json_array_size(json_object_get(o, "sites")) > 2;
	}
	d->nodes = arena_alloc(d->a, d->n * sizeof(*d->nodes));
	d->boxes = arena_alloc(d->a, d->n * sizeof(*d->boxes));
	d->labels = arena_alloc(d->a, json_array_size(links) * sizeof(*d->labels));
	d->lines = arena_alloc(d->a, ends * sizeof(*d->lines));
	json_array_foreach(sites, i, o) {
		d->nodes[i].site = o;
		describe_site(d, &d->nodes[i]);
	}
	dot = json_array_size(sites);
	json_array_foreach(links, i, o)
		if (json_array_size(json_object_get(o, "sites")) > 2)
			d->nodes[dot++].link = o;
	for (i = 0; i < d->n; i++)
		size_box(d->a, &d->nodes[i], &d->boxes[i]);
	add_links(d, links);
}

/* --- drawing --- */

static void put_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else if ((unsigned char)*text >= 0x20)
			fputc(*text, out);
	}
}

static void draw_text(FILE *out, double x, double y, const char *class, const char *text)
{
	fprintf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, x, y);
	put_text(out, text);
	fputs("</text>\n", out);
}

static void draw_line(const struct drawing *d, const json_t *link, size_t from, size_t to)
{
	bool limit = json_integer_value(json_object_get(link, "max_size")) != 0;

	if (from == d->n || to == d->n)
		return;
	fprintf(d->out, "<line class=\"link%s%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" "
		"y2=\"%.1f\"/>\n", limit ? " limit" : "",
		json_is_true(json_object_get(link, "enabled")) ? "" : " linkoff",
		d->boxes[from].x, d->boxes[from].y, d->boxes[to].x, d->boxes[to].y);
}

static void draw_label(struct drawing *d, const json_t *link, double x, double y)
{
	const char *label = link_label(d->a, link);
	double width = label_width(label);

	d->labels[d->n_labels++] = (struct map_box){ x, y, width, LABEL_HEIGHT };
	fprintf(d->out, "<g><title>");
	put_text(d->out, text_of(link, "link"));
	fprintf(d->out, "</title><rect class=\"plate\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
		"height=\"%d\" rx=\"3\"/>", x - width / 2, y - LABEL_HEIGHT / 2.0, width,
		LABEL_HEIGHT);
	draw_text(d->out, x, y + 4, "cost", label);
	fputs("</g>\n", d->out);
}

static bool boxes_meet(const struct map_box *a, const struct map_box *b)
{
	return fabs(a->x - b->x) < (a->width + b->width) / 2 &&
		fabs(a->y - b->y) < (a->height + b->height) / 2;
}

/* Is a label in the way of a site or of a label before it? A link of many sites has its own box. */
static bool is_taken(const struct drawing *d, const struct map_box *label)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (boxes_meet(label, &d->boxes[i]))
			return true;
	for (i = 0; i < d->n_labels; i++)
		if (boxes_meet(label, &d->labels[i]))
			return true;
	return false;
}

/* Does a line between two points pass through a box? Clips the line by each pair of borders. */
static bool line_meets(const struct map_box *from, const struct map_box *to,
	const struct map_box *box)
{
	double start[] = { from->x, from->y }, delta[] = { to->x - from->x, to->y - from->y };
	double middle[] = { box->x, box->y }, half[] = { box->width / 2, box->height / 2 };
	double first = 0, last = 1;
	int axis;

	for (axis = 0; axis < 2; axis++) {
		double low = middle[axis] - half[axis] - start[axis];
		double high = middle[axis] + half[axis] - start[axis];

		if (fabs(delta[axis]) < 1e-6) {
			if (low > 0 || high < 0)
				return false;
			continue;
		}
		first = fmax(first, fmin(low / delta[axis], high / delta[axis]));
		last = fmin(last, fmax(low / delta[axis], high / delta[axis]));
	}
	return first < last;
}

/* Lines of other links that a label would hide, so that its cost could be taken for theirs. */
static size_t lines_hidden(const struct drawing *d, const struct map_box *label, size_t from,
	size_t to)
{
	size_t n = 0, i;

	for (i = 0; i < d->n_lines; i++) {
		const struct map_line *l = &d->lines[i];
		bool own = (l->from == from && l->to == to) || (l->from == to && l->to == from);

		n += !own && line_meets(&d->boxes[l->from], &d->boxes[l->to], label);
	}
	return n;
}

/* How far along the line from a box's middle its border is, as a part of the whole. */
static double leaves(const struct map_box *box, double dx, double dy)
{
	double x = fabs(dx) > 1e-6 ? box->width / 2 / fabs(dx) : INFINITY;
	double y = fabs(dy) > 1e-6 ? box->height / 2 / fabs(dy) : INFINITY;

	return fmin(fmin(x, y), 0.5);
}

static bool is_inside(const struct drawing *d, const struct map_box *box)
{
	return box->x >= box->width / 2 && box->y >= box->height / 2 &&
		box->x + box->width / 2 <= d->width && box->y + box->height / 2 <= d->height;
}

/*
 * The place that hides the fewest other lines, beside the line by so many labels; of several that
 * nearest to the middle of what is to be seen of it. False if there is none.
 */
static bool place_label(const struct drawing *d, size_t from, size_t to, double beside,
	bool inside, struct map_box *label)
{
	const struct map_box *a = &d->boxes[from], *b = &d->boxes[to];
	double dx = b->x - a->x, dy = b->y - a->y, length = fmax(hypot(dx, dy), 1);
	double first = leaves(a, dx, dy), last = 1 - leaves(b, dx, dy);
	size_t best = SIZE_MAX;
	int step;

	for (step = 0; step <= LABEL_STEPS; step++) {
		double at = 0.5 + (step % 2 == 0 ? 0.5 : -0.5) * step / (LABEL_STEPS + 1);
		struct map_box box = *label;
		size_t hidden;

		at = first + at * (last - first);
		box.x = a->x + at * dx - beside * dy / length * box.width;
		box.y = a->y + at * dy + beside * dx / length * box.height;
		if (is_taken(d, &box) || (inside && !is_inside(d, &box)))
			continue;
		hidden = lines_hidden(d, &box, from, to);
		if (hidden < best) {
			best = hidden;
			*label = box;
		}
	}
	return best != SIZE_MAX;
}

/* On its line if there is room, else beside it, farther and farther: somewhere there is. */
static void label_line(struct drawing *d, const json_t *link, size_t from, size_t to)
{
	struct map_box label = { .width = label_width(link_label(d->a, link)),
		.height = LABEL_HEIGHT };
	int ring;

	if (from == d->n || to == d->n)
		return;
	for (ring = 0; ; ring++)
		if (place_label(d, from, to, (ring % 2 == 0 ? 0.5 : -0.5) * ring,
			ring < RINGS_INSIDE, &label))
			break;
	draw_label(d, link, label.x, label.y);
}

static void link_line(struct drawing *d, const json_t *link, bool label, size_t from, size_t to)
{
	if (label)
		label_line(d, link, from, to);
	else
		draw_line(d, link, from, to);
}

/* Lines go below everything, labels above everything: two passes. */
static void draw_links(struct drawing *d, bool labels)
{
	size_t dot = json_array_size(json_object_get(d->map, "sites")), i, j;
	json_t *link, *name;

	json_array_foreach(json_object_get(d->map, "links"), i, link) {
		const json_t *sites = json_object_get(link, "sites");

		if (json_array_size(sites) == 2) {
			link_line(d, link, labels,
				node_of(d, json_string_value(json_array_get(sites, 0))),
				node_of(d, json_string_value(json_array_get(sites, 1))));
			continue;
		}
		if (json_array_size(sites) < 2)
			continue;
		if (labels)
			draw_label(d, link, d->boxes[dot].x, d->boxes[dot].y);
		else
			json_array_foreach(sites, j, name)
				draw_line(d, link, dot, node_of(d, json_string_value(name)));
		dot++;
	}
}

static void draw_site(const struct drawing *d, const struct node *node, const struct map_box *box)
{
	double left = box->x - box->width / 2, top = box->y - box->height / 2;
	size_t i;

	fprintf(d->out, "<g class=\"%s%s\">\n<rect class=\"box\" x=\"%.1f\" y=\"%.1f\" "
		"width=\"%.1f\" height=\"%.1f\" rx=\"5\"/>\n"
		"<path class=\"head\" d=\"M%.1f %.1fv-%dq0-4 4-4h%.1fq4 0 4 4v%dz\"/>\n",
		json_is_true(json_object_get(node->site, "hub_site")) ? "hub " : "",
		json_is_true(json_object_get(node->site, "enabled")) ? "site" : "off",
		left, top, box->width, box->height, left + 1, top + HEAD_HEIGHT, HEAD_HEIGHT - 5,
		box->width - 10, HEAD_HEIGHT - 5);
	draw_text(d->out, left + 10, top + 16, "name", text_of(node->site, "site"));
	for (i = 0; i < node->n; i++)
		draw_text(d->out, left + 10, top + HEAD_HEIGHT + LINE_HEIGHT * (double)(i + 1),
			node->lines[i].class, node->lines[i].text);
	fputs("</g>\n", d->out);
}

static void draw_key(const struct drawing *d, double bottom)
{
	fprintf(d->out, "<g class=\"key\" transform=\"translate(0 %.1f)\">"
		"<rect class=\"head\" style=\"fill:#1d4f7c\" x=\"0\" y=\"0\" width=\"14\" "
		"height=\"12\" rx=\"2\"/>", bottom);
	draw_text(d->out, 20, 10, "k", "hub site");
	fputs("<line class=\"link limit\" x1=\"85\" x2=\"115\" y1=\"6\" y2=\"6\"/>", d->out);
	draw_text(d->out, 121, 10, "k", "limited size");
	draw_text(d->out, 200, 10, "k", "\u2192 connector");
	draw_text(d->out, 280, 10, "k", "\u2709 mailbox server");
	fputs("</g>\n", d->out);
}

void route_map_svg(FILE *out, struct arena *a, const json_t *map)
{
	struct drawing d = { .out = out, .a = a, .map = map, .width = 400 };
	double width, height;
	size_t i;

	build(&d);
	map_layout(d.boxes, d.n, d.lines, d.n_lines);
	for (i = 0; i < d.n; i++) {
		d.width = fmax(d.width, d.boxes[i].x + d.boxes[i].width / 2);
		d.height = fmax(d.height, d.boxes[i].y + d.boxes[i].height / 2);
	}
	width = d.width;
	height = d.height;
	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		"viewBox=\"%d %d %.0f %.0f\">\n<style>%s</style>\n<rect x=\"%d\" y=\"%d\" "
		"width=\"%.0f\" height=\"%.0f\" fill=\"#f7f9fa\"/>\n", width + 2 * MARGIN,
		height + 2 * MARGIN + 30, -MARGIN, -MARGIN, width + 2 * MARGIN,
		height + 2 * MARGIN + 30, style, -MARGIN, -MARGIN, width + 2 * MARGIN,
		height + 2 * MARGIN + 30);
	draw_links(&d, false);
	for (i = 0; i < d.n; i++)
		if (d.nodes[i].site != NULL)
			draw_site(&d, &d.nodes[i], &d.boxes[i]);
	draw_links(&d, true);
	draw_key(&d, height + 30);
	fputs("</svg>\n", out);
}
