/* test_control.c - edgesyncd/control, status, metrics and request: what administrators are told of
 * edges, and what becomes of what they ask for.
 *
 * In place of the edges and of the mirror are functions of this file, see "stand-ins".
 */
#include <ctype.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "asker.h"
#include "await.h"
#include "edgesyncd/control_priv.h"
#include "libhub/base/mem.h"
#include "unit.h"

enum { EDGES = 5, MANY_DIFFERENCES = 10003 };

static char dir[] = "/tmp/control-XXXXXX";
static struct loop *loop;
static struct edge_settings settings;
static char *path;
static struct control *control;
static struct mirror_status mirror;
static enum admin_right right;

/* --- stand-ins --- */

/* One that was asked to push, or to show what differs, and has not answered. */
struct asked {
	char name[20];
	bool full, allow_loss, forgotten;
	char address[40];
	pusher_done_cb *started;
	struct pusher_compare_callbacks compared;
	void *ctx;
};

static struct target_status edges[EDGES];
static size_t n_edges;
static struct asked asked[EDGES];
static size_t n_asked;
static const char *refusal;		/* of the edge "e0" */

const struct snapshot *mirror_snapshot(const struct mirror *m)
{
	(void)m;
	return NULL;
}

struct recipients *mirror_recipients(const struct mirror *m)
{
	(void)m;
	return NULL;
}

void mirror_status(const struct mirror *m, struct mirror_status *out)
{
	(void)m;
	*out = mirror;
}

void targets_each(const struct targets *t,
	void (*cb)(const struct target_status *status, void *ctx), void *ctx)
{
	size_t i;

	(void)t;
	for (i = 0; i < n_edges; i++)
		cb(&edges[i], ctx);
}

bool targets_status(const struct targets *t, const char *edge, struct target_status *out)
{
	size_t i;

	(void)t;
	for (i = 0; i < n_edges; i++)
		if (strcmp(edges[i].name, edge) == 0) {
			*out = edges[i];
			return true;
		}
	return false;
}

static int ask(const char *edge, void *ctx, struct asked **out, struct err *e)
{
	struct asked *a = &asked[n_asked];

	if (refusal != NULL && strcmp(edge, "e0") == 0)
		return err_set(e, ERR_TEMP, 0, "%s", refusal);
	ck_assert_uint_lt(n_asked, EDGES);
	n_asked++;
	snprintf(a->name, sizeof(a->name), "%s", edge);
	a->ctx = ctx;
	*out = a;
	return 0;
}

int targets_start(struct targets *t, const char *edge, bool full, bool allow_loss,
	pusher_done_cb *cb, void *ctx, struct err *e)
{
	struct asked *a;

	(void)t;
	if (ask(edge, ctx, &a, e) < 0)
		return -1;
	a->full = full;
	a->allow_loss = allow_loss;
	a->started = cb;
	return 0;
}

int targets_compare(struct targets *t, const char *edge, bool full, const char *address,
	const struct pusher_compare_callbacks *cbs, void *ctx, struct err *e)
{
	struct asked *a;

	(void)t;
	if (ask(edge, ctx, &a, e) < 0)
		return -1;
	a->full = full;
	snprintf(a->address, sizeof(a->address), "%s", address != NULL ? address : "");
	a->compared = *cbs;
	return 0;
}

void targets_forget(struct targets *t, void *ctx)
{
	size_t i;

	(void)t;
	for (i = 0; i < n_asked; i++)
		asked[i].forgotten |= asked[i].ctx == ctx;
}

/* Administrators by the socket may do everything. */
enum admin_right __wrap_admin_call_right(const struct admin_call *call);
enum admin_right __wrap_admin_call_right(const struct admin_call *call)
{
	(void)call;
	return right;
}

/* --- around every test --- */

static void set_up(void)
{
	struct control_config cfg = { .settings = &settings };
	struct err e;

	strcpy(strrchr(dir, '-'), "-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	path = xasprintf("%s/control", dir);
	loop = loop_new("test");
	settings = (struct edge_settings){ .common = { .server = "hub1", .control = path } };
	mirror = (struct mirror_status){ .state = WATCH_LIVE, .uri = "ldap://x", .csn = "" };
	memset(edges, 0, sizeof(edges));
	memset(asked, 0, sizeof(asked));
	n_edges = n_asked = 0;
	refusal = NULL;
	right = ADMIN_ALL;
	cfg.loop = loop;
	control = control_new(&cfg, &e);
	ck_assert_msg(control != NULL, "%s", e.text);
}

static void tear_down(void)
{
	control_free(&control);
	loop_free(&loop);
	free(path);
	rmdir(dir);
}

static struct target_status *add_edge(const char *name, enum target_state state)
{
	struct target_status *s = &edges[n_edges++];
	enum push_type i;

	*s = (struct target_status){ .name = name, .site = "London", .state = state, .uri = "",
		.former_site = "", .lease_holder = "", .lease_preferred = "",
		.push = { .here_fingerprint = "f" } };
	for (i = 0; i < PUSH_TYPES; i++)
		s->push.side[i] = (struct push_side){ .here = "aa", .edge = "aa",
			.edge_fingerprint = "f", .in_step = true, .counted = true };
	return s;
}

/* The edge of that place in the answer. */
static json_t *edge_at(const json_t *o, size_t i)
{
	return json_array_get(json_object_get(o, "edges"), i);
}

/* "null", "true", "2", "\"text\"": what stands at NAME or NAME.NAME. */
static const char *at(const json_t *o, const char *name)
{
	static char text[300];
	char part[60];
	char *dump;

	for (; *name != '\0'; name += *name == '.') {
		size_t n = strcspn(name, ".");

		snprintf(part, sizeof(part), "%.*s", (int)n, name);
		o = json_object_get(o, part);
		name += n;
	}
	dump = o != NULL ? json_dumps(o, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	snprintf(text, sizeof(text), "%s", dump != NULL ? dump : "(none)");
	free(dump);
	return text;
}

#define IS(o, name, text) ck_assert_str_eq(at(o, name), text)

static json_t *status(void)
{
	return asker_ask(loop, path, "GET", "/status", NULL, 200);
}

/* --- in step or not --- */

static const struct {
	enum target_state state;
	const char *here, *edge;
	bool in_step, observes, looked;
	int known;
} steps[] = {
	{ TARGET_HOLDER, "aa", "aa", true, false, false, 1 },
	{ TARGET_HOLDER, "aa", "bb", false, false, false, 0 },
	{ TARGET_HOLDER, "", "bb", false, false, false, -1 },
	{ TARGET_HOLDER, "aa", "", false, false, false, -1 },
	{ TARGET_HOLDER, NULL, NULL, false, false, false, -1 },
	{ TARGET_REMOVING, "aa", "bb", false, false, false, 0 },
	/* what was so when it was last seen */
	{ TARGET_WAITING, "aa", "aa", true, false, false, -1 },
	{ TARGET_CONNECTING, "aa", "aa", true, false, true, -1 },
	/* who does not push knows only when he has just looked */
	{ TARGET_STANDBY, "aa", "aa", true, true, false, 1 },
	{ TARGET_STANDBY, "aa", "bb", false, true, false, -1 },
	{ TARGET_STANDBY, "aa", "bb", false, true, true, 0 },
	{ TARGET_STANDBY, "aa", "bb", false, false, false, 0 },
};

START_TEST(in_step_or_not)
{
	struct target_status *s = add_edge("e1", steps[_i].state);
	struct push_side *side = &s->push.side[PUSH_RECIPIENTS];

	s->push.observes = steps[_i].observes;
	side->here = steps[_i].here;
	side->edge = steps[_i].edge;
	side->in_step = steps[_i].in_step;
	ck_assert_int_eq(control_in_step(s, PUSH_RECIPIENTS, steps[_i].looked), steps[_i].known);
}
END_TEST

/* --- GET /status --- */

START_TEST(status_of_a_holder)
{
	static const struct target_hub hubs[] = { { "hub1", true, 1000000000 },
		{ "hub2", false, 0 } };
	struct target_status *s = add_edge("e1", TARGET_HOLDER);
	json_t *o, *e;

	s->former_site = "Rome";
	s->lease_holder = "hub1";
	s->lease_expiry = 1000000000;
	s->lease_mine = true;
	s->hubs = hubs;
	s->n_hubs = 2;
	s->push.side[PUSH_CONFIGURATION].count = 7;
	s->push.side[PUSH_CONFIGURATION].pushed_ms = clock_wall_ms() - 5500;
	s->push.side[PUSH_RECIPIENTS].pushed_ms = clock_wall_ms() - 3600500;
	s->push.side[PUSH_RECIPIENTS].total.deleted = 3;
	o = status();
	IS(o, "server", "\"hub1\"");
	IS(o, "fingerprint", "null");
	IS(o, "directory.state", "\"live\"");
	IS(o, "directory.newest_change", "null");
	IS(o, "recipients.loaded", "false");
	e = edge_at(o, 0);
	IS(e, "state", "\"holder\"");
	IS(e, "uri", "null");
	IS(e, "in_step", "{\"configuration\":true,\"recipients\":true}");
	IS(e, "former_site", "\"Rome\"");
	IS(e, "lease.mine", "true");
	IS(e, "lease.expiry", "\"2001-09-09T01:46:40.000Z\"");
	IS(e, "lease.preferred", "null");
	IS(e, "configuration.count", "7");
	IS(e, "configuration.compared", "null");
	IS(e, "recipients.total", "{\"scanned\":0,\"added\":0,\"changed\":0,\"deleted\":3,"
		"\"failed\":0}");
	IS(e, "error", "null");
	IS(e, "error_since", "null");
	IS(e, "account_expires", "null");
	/* what stands there is as old as the older half of it */
	ck_assert_int_ge(json_integer_value(json_object_get(e, "age_s")), 3600);
	ck_assert_str_eq(at(json_array_get(json_object_get(e, "hubs"), 0), "account_expires"),
		"\"2001-09-09T01:46:40.000Z\"");
	ck_assert_str_eq(at(json_array_get(json_object_get(e, "hubs"), 1), "enrolled"), "false");
	ck_assert_str_eq(at(json_array_get(json_object_get(e, "hubs"), 1), "account_expires"),
		"null");
	json_decref(o);
}
END_TEST

/* One half that was never pushed: nobody knows how old what stands there is. */
START_TEST(status_of_what_was_pushed_by_half)
{
	struct target_status *s = add_edge("e1", TARGET_HOLDER);
	json_t *o;

	s->push.side[PUSH_CONFIGURATION].pushed_ms = clock_wall_ms();
	o = status();
	IS(edge_at(o, 0), "age_s", "null");
	IS(edge_at(o, 0), "configuration.age_s", "0");
	json_decref(o);
}
END_TEST

/* The connection's trouble comes before that of a push, and of pushes the configuration's. */
START_TEST(status_in_trouble)
{
	struct target_status *s = add_edge("e1", TARGET_WAITING);
	json_t *o;

	s->error = "no way there";
	s->error_ms = INT64_C(1000000000000);
	s->push.side[PUSH_CONFIGURATION].error = "first";
	s->push.side[PUSH_RECIPIENTS].error = "second";
	s->push.side[PUSH_RECIPIENTS].held = "too much";
	o = status();
	IS(edge_at(o, 0), "error", "\"no way there\"");
	IS(edge_at(o, 0), "error_since", "\"2001-09-09T01:46:40.000Z\"");
	IS(edge_at(o, 0), "held", "\"too much\"");
	IS(edge_at(o, 0), "in_step", "{\"configuration\":null,\"recipients\":null}");
	json_decref(o);
	s->error = "";
	o = status();
	IS(edge_at(o, 0), "error", "\"first\"");
	IS(edge_at(o, 0), "error_since", "null");
	json_decref(o);
	s->push.side[PUSH_CONFIGURATION].error = NULL;
	s->push.side[PUSH_CONFIGURATION].held = "connectors";
	o = status();
	IS(edge_at(o, 0), "error", "\"second\"");
	IS(edge_at(o, 0), "held", "\"connectors\"");
	json_decref(o);
}
END_TEST

/* Who only observes has not counted what differs. */
START_TEST(status_of_an_observer)
{
	struct target_status *s = add_edge("e1", TARGET_STANDBY);
	struct push_side *side = &s->push.side[PUSH_RECIPIENTS];
	json_t *o;

	s->push.observes = true;
	side->count = 12;
	o = status();
	IS(edge_at(o, 0), "recipients.count", "12");
	json_decref(o);
	side->in_step = false;
	o = status();
	IS(edge_at(o, 0), "recipients.count", "null");
	IS(edge_at(o, 0), "in_step", "{\"configuration\":true,\"recipients\":null}");
	json_decref(o);
	s->push.observes = false;
	side->here = "";
	o = status();
	IS(edge_at(o, 0), "recipients.count", "null");
	IS(edge_at(o, 0), "recipients.here", "null");
	json_decref(o);
}
END_TEST

START_TEST(status_of_the_directory)
{
	static const char *const states[] = { [WATCH_CONNECTING] = "\"connecting\"",
		[WATCH_REFRESHING] = "\"refreshing\"", [WATCH_LIVE] = "\"live\"",
		[WATCH_DOWN] = "\"down\"" };
	enum watch_state i;
	json_t *o;

	mirror.held = "half of it is missing";
	mirror.recipients_held = "all are missing";
	mirror.error = "";
	mirror.csn = "20260101";
	mirror.recipients = 4;
	mirror.in_step_since_ms = 7;
	mirror.from_cache = true;
	for (i = WATCH_CONNECTING; i <= WATCH_DOWN; i++) {
		mirror.state = i;
		mirror.recipients_state = WATCH_DOWN;
		o = status();
		IS(o, "directory.state", states[i]);
		IS(o, "recipients.state", "\"down\"");
		IS(o, "directory.held", "\"half of it is missing\"");
		IS(o, "recipients.held", "\"all are missing\"");
		IS(o, "directory.error", "null");
		IS(o, "directory.newest_change", "\"20260101\"");
		IS(o, "recipients.count", "4");
		IS(o, "in_step_since_ms", "7");
		IS(o, "from_cache", "true");
		IS(o, "edges", "[]");
		json_decref(o);
	}
}
END_TEST

/* A reason that ends within a letter is told for all that. */
START_TEST(status_with_a_text_that_was_cut)
{
	json_t *o;

	add_edge("e1", TARGET_WAITING)->error = "no way to K\xc3\xbc" "che\xc3";
	o = status();
	IS(edge_at(o, 0), "error", "\"no way to K??che?\"");
	json_decref(o);
}
END_TEST

/* --- GET /metrics --- */

/* Goes on behind a name. */
static const char *skip_name(const char *p)
{
	ck_assert_msg(isalpha((unsigned char)*p) || *p == '_' || *p == ':', "%s", p);
	while (isalnum((unsigned char)*p) || *p == '_' || *p == ':')
		p++;
	return p;
}

/* {name="value",...}, values escaped, as OpenMetrics has it. */
static const char *skip_labels(const char *p)
{
	if (*p != '{')
		return p;
	do {
		p = skip_name(p + 1);
		ck_assert_msg(p[0] == '=' && p[1] == '"', "%s", p);
		for (p += 2; *p != '"'; p++) {
			ck_assert_msg(*p != '\0' && *p != '\n', "a label without end");
			if (*p == '\\')
				ck_assert_msg(strchr("\\\"n", *++p) != NULL, "\\%c", *p);
		}
		p++;
	} while (*p == ',');
	ck_assert_msg(*p == '}', "%s", p);
	return p + 1;
}

/* The families of the text, each with its lines together, and every line such as it has to be. */
struct families {
	char names[100][80];
	bool counter;
	size_t n;
};

static void check_type(struct families *f, const char *line)
{
	char name[80], type[20];
	size_t i;

	ck_assert_int_eq(sscanf(line, "# TYPE %79s %19s", name, type), 2);
	for (i = 0; i < f->n; i++)
		ck_assert_msg(strcmp(f->names[i], name) != 0, "%s twice", name);
	ck_assert_uint_lt(f->n, 100);
	strcpy(f->names[f->n++], name);
	f->counter = strcmp(type, "counter") == 0;
	ck_assert_msg(f->counter || strcmp(type, "gauge") == 0, "%s", type);
}

static void check_sample(const struct families *f, const char *line)
{
	const char *end = skip_name(line), *family = f->n > 0 ? f->names[f->n - 1] : "";
	char name[100];

	snprintf(name, sizeof(name), "%s%s", family, f->counter ? "_total" : "");
	ck_assert_msg((size_t)(end - line) == strlen(name) &&
		strncmp(line, name, strlen(name)) == 0, "%s after %s", line, family);
	end = skip_labels(end);
	ck_assert_msg(*end == ' ' && strspn(end + 1, "0123456789") == strlen(end + 1) &&
		end[1] != '\0', "%s", line);
}

static void check_metrics(char *text)
{
	struct families f = { .n = 0 };
	char *line, *next;

	for (line = text; line != NULL; line = next) {
		next = strchr(line, '\n');
		ck_assert_msg(next != NULL, "no end of line: %s", line);
		*next++ = '\0';
		if (strcmp(line, "# EOF") == 0) {
			ck_assert_str_eq(next, "");
			return;
		}
		if (strncmp(line, "# TYPE ", 7) == 0)
			check_type(&f, line);
		else if (strncmp(line, "# HELP ", 7) == 0)
			ck_assert_int_eq(strncmp(line + 7, f.names[f.n - 1],
				strlen(f.names[f.n - 1])), 0);
		else
			check_sample(&f, line);
	}
}

static char *metrics(void)
{
	struct asker a;
	char *text;

	asker_connect(&a, loop, path);
	asker_request(&a, "GET", "/metrics", NULL);
	AWAIT(loop, asker_is_answered, &a, PATIENCE_MS);
	ck_assert_int_eq(asker_take(&a, &text), 200);
	asker_close(&a);
	return text;
}

static void has_line(const char *text, const char *line)
{
	char *whole = xasprintf("\n%s\n", line);

	ck_assert_msg(strstr(text, whole) != NULL, "no %s in %s", line, text);
	free(whole);
}

START_TEST(metrics_of_edges)
{
	static const struct target_hub hubs[] = { { "hub1", true, 0 }, { "hub2", false, 0 } };
	struct target_status *s = add_edge("e1", TARGET_HOLDER);
	char *text;

	s->lease_mine = true;
	s->lease_holder = "hub1";
	s->lease_expiry = 1234;
	s->hubs = hubs;
	s->n_hubs = 2;
	s->leases = 5;
	s->push.side[PUSH_CONFIGURATION].pushed_ms = 99000;
	s->push.side[PUSH_RECIPIENTS].in_step = false;
	s->push.side[PUSH_RECIPIENTS].held = "too much";
	s->push.side[PUSH_RECIPIENTS].total.failed = 8;
	s = add_edge("e2", TARGET_WAITING);
	s->push.side[PUSH_RECIPIENTS].error = "x";
	mirror.held = "x";
	text = metrics();
	has_line(text, "hub_edges 2");
	has_line(text, "hub_edge_connected{edge=\"e1\"} 1");
	has_line(text, "hub_edge_connected{edge=\"e2\"} 0");
	has_line(text, "hub_edge_failing{edge=\"e1\"} 0");
	has_line(text, "hub_edge_failing{edge=\"e2\"} 1");
	has_line(text, "hub_edge_lease_mine{edge=\"e1\"} 1");
	has_line(text, "hub_edge_leased{edge=\"e2\"} 0");
	has_line(text, "hub_edge_lease_expiry_timestamp_seconds{edge=\"e1\"} 1234");
	has_line(text, "hub_edge_hubs{edge=\"e1\"} 2");
	has_line(text, "hub_edge_hubs_enrolled{edge=\"e1\"} 1");
	has_line(text, "hub_edge_leases_total{edge=\"e1\"} 5");
	has_line(text, "hub_edge_in_step{edge=\"e1\",data=\"configuration\"} 1");
	has_line(text, "hub_edge_in_step{edge=\"e1\",data=\"recipients\"} 0");
	has_line(text, "hub_edge_held{edge=\"e1\",data=\"recipients\"} 1");
	has_line(text, "hub_edge_held{edge=\"e1\",data=\"configuration\"} 0");
	has_line(text, "hub_edge_pushed_timestamp_seconds{edge=\"e1\",data=\"configuration\"} 99");
	has_line(text, "hub_edge_refused_total{edge=\"e1\",data=\"recipients\"} 8");
	has_line(text, "hub_directory_held 1");
	has_line(text, "hub_directory_live 1");
	has_line(text, "hub_recipients_held 0");
	/* nobody knows: a sample would say no */
	ck_assert_ptr_null(strstr(text, "hub_edge_in_step{edge=\"e2\""));
	check_metrics(text);
	free(text);
}
END_TEST

START_TEST(metrics_of_none)
{
	char *text = metrics();

	has_line(text, "hub_edges 0");
	check_metrics(text);
	free(text);
}
END_TEST

/* Whatever an edge is called. */
START_TEST(metrics_with_names)
{
	char quotes[700], *text;

	memset(quotes, '"', sizeof(quotes));
	quotes[sizeof(quotes) - 1] = '\0';
	add_edge("a\"b\\c\nd", TARGET_HOLDER);
	add_edge(quotes, TARGET_HOLDER);
	add_edge("K\xc3\xbc" "che", TARGET_HOLDER);
	text = metrics();
	has_line(text, "hub_edge_connected{edge=\"a\\\"b\\\\c\\nd\"} 1");
	has_line(text, "hub_edge_connected{edge=\"K\xc3\xbc" "che\"} 1");
	check_metrics(text);
	free(text);
}
END_TEST

/* --- POST /start --- */

static bool are_asked(void *ctx)
{
	return n_asked >= *(const size_t *)ctx;
}

static void await_asked(size_t n)
{
	AWAIT(loop, are_asked, &n, PATIENCE_MS);
}

static void started(size_t i, const char *error, const char *held)
{
	struct push_result r = { .error = error, .held = held };

	r.counts[PUSH_RECIPIENTS].added = i + 1;
	asked[i].started(&r, asked[i].ctx);
}

/* One refuses at once, the others end in their own order; nothing is told before the last has. */
START_TEST(start_of_several)
{
	struct asker a;
	json_t *o;

	add_edge("e0", TARGET_WAITING);
	add_edge("e1", TARGET_HOLDER);
	add_edge("e2", TARGET_HOLDER);
	add_edge("e3", TARGET_HOLDER);
	refusal = "not now";
	asker_connect(&a, loop, path);
	asker_request(&a, "POST", "/start", "{\"full\": true}");
	await_asked(3);
	ck_assert(asked[0].full && !asked[0].allow_loss);
	started(2, NULL, "too much");
	started(0, "the line", NULL);
	json_decref(status());
	ck_assert(!asker_is_answered(&a));
	started(1, NULL, NULL);
	o = asker_json(&a, 200);
	asker_close(&a);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "edges")), 4);
	IS(edge_at(o, 0), "name", "\"e0\"");
	IS(edge_at(o, 0), "error", "\"not now\"");
	IS(edge_at(o, 0), "in_step", "false");
	IS(edge_at(o, 1), "error", "\"the line\"");
	IS(edge_at(o, 1), "in_step", "false");
	IS(edge_at(o, 2), "in_step", "true");
	IS(edge_at(o, 2), "recipients.added", "2");
	IS(edge_at(o, 3), "held", "\"too much\"");
	IS(edge_at(o, 3), "in_step", "false");
	IS(o, "directory.state", "\"live\"");
	json_decref(o);
	ck_assert(!asked[0].forgotten);
}
END_TEST

START_TEST(start_of_one)
{
	struct asker a;

	add_edge("e1", TARGET_HOLDER);
	add_edge("e2", TARGET_HOLDER);
	asker_connect(&a, loop, path);
	asker_request(&a, "POST", "/start", "{\"edge\": \"e2\", \"allow_loss\": true}");
	await_asked(1);
	ck_assert_str_eq(asked[0].name, "e2");
	ck_assert(!asked[0].full && asked[0].allow_loss);
	started(0, NULL, NULL);
	json_decref(asker_json(&a, 200));
	asker_close(&a);
	ck_assert_uint_eq(n_asked, 1);
}
END_TEST

START_TEST(start_that_none_takes)
{
	json_t *o = asker_ask(loop, path, "POST", "/start", "{}", 200);

	IS(o, "edges", "[]");
	json_decref(o);
	add_edge("e0", TARGET_WAITING);
	refusal = "not now";
	o = asker_ask(loop, path, "POST", "/start", "{}", 200);
	IS(edge_at(o, 0), "error", "\"not now\"");
	json_decref(o);
}
END_TEST

static const struct {
	const char *path, *body;
	int status;
	const char *error;
} refused[] = {
	{ "/start", "{\"edge\": \"e9\"}", 404, "hub1 knows no edge e9" },
	{ "/start", "{\"full\": 1}", 400, "full must be true or false" },
	{ "/start", "{\"allow_loss\": \"yes\"}", 400, "allow_loss must be true or false" },
	{ "/start", "\"e1\"", 400, "body is no JSON" },
	{ "/start", "[\"e1\"]", 400, "body is no JSON object" },
	{ "/test", "{\"verify\": 7}", 400, "verify must be a text" },
	{ "/test", "{\"edge\": {}}", 400, "edge must be a text" },
};

START_TEST(orders_that_are_none)
{
	json_t *o;

	add_edge("e1", TARGET_HOLDER);
	o = asker_ask(loop, path, "POST", refused[_i].path, refused[_i].body, refused[_i].status);
	ck_assert_msg(strstr(at(o, "error"), refused[_i].error) != NULL, "%s", at(o, "error"));
	json_decref(o);
	ck_assert_uint_eq(n_asked, 0);
}
END_TEST

START_TEST(members_that_are_null)
{
	json_t *o = asker_ask(loop, path, "POST", "/start", "{\"edge\": null}", 200);

	IS(o, "edges", "[]");
	json_decref(o);
}
END_TEST

/* Who may read may look at the edges, and no more. */
START_TEST(start_by_who_may_read)
{
	json_t *o;

	add_edge("e0", TARGET_HOLDER);
	refusal = "not now";
	right = ADMIN_READ;
	json_decref(asker_ask(loop, path, "POST", "/start", "{}", 403));
	o = asker_ask(loop, path, "POST", "/test", "{}", 200);
	IS(edge_at(o, 0), "error", "\"not now\"");
	json_decref(o);
}
END_TEST

/* --- those who go, and the end --- */

static void ask_two(struct asker *a)
{
	add_edge("e1", TARGET_HOLDER);
	add_edge("e2", TARGET_HOLDER);
	asker_connect(a, loop, path);
	asker_request(a, "POST", "/start", "{}");
	await_asked(2);
}

/* What was asked of the edges is forgotten, and nobody hears of it any more. */
START_TEST(end_while_it_waits)
{
	struct asker a;

	ask_two(&a);
	started(0, NULL, NULL);
	control_free(&control);
	ck_assert(asked[0].forgotten && asked[1].forgotten);
	AWAIT(loop, asker_is_closed, &a, PATIENCE_MS);
	ck_assert_int_eq(asker_take(&a, NULL), 0);
	asker_close(&a);
}
END_TEST

START_TEST(goes_while_it_waits)
{
	struct asker a;

	ask_two(&a);
	asker_close(&a);
	json_decref(status());
	started(0, NULL, NULL);
	started(1, NULL, NULL);
	json_decref(status());
	ck_assert(!asked[0].forgotten);
}
END_TEST

/* --- POST /test --- */

static void ask_test(struct asker *a, const char *body)
{
	add_edge("e1", TARGET_STANDBY);
	asker_connect(a, loop, path);
	asker_request(a, "POST", "/test", body);
	await_asked(1);
}

static json_t *compared(struct asker *a, const struct push_comparison *r)
{
	json_t *o;

	asked[0].compared.done(r, asked[0].ctx);
	o = asker_json(a, 200);
	asker_close(a);
	return o;
}

START_TEST(test_of_one)
{
	struct push_comparison r = { .differences = 2 };
	struct asker a;
	json_t *o, *e;

	ask_test(&a, "{\"full\": true, \"verify\": \"a@b.example\"}");
	ck_assert(asked[0].full);
	ck_assert_str_eq(asked[0].address, "a@b.example");
	/* whoever observes knows it when he has just looked */
	edges[0].push.observes = true;
	edges[0].push.side[PUSH_CONFIGURATION].in_step = false;
	asked[0].compared.each(PUSH_CONFIGURATION, PUSH_SURPLUS, "cn=x", asked[0].ctx);
	r.counts[PUSH_CONFIGURATION].deleted = 1;
	r.verified = (struct push_verified){ .asked = true, .here = true };
	o = compared(&a, &r);
	e = edge_at(o, 0);
	IS(e, "name", "\"e1\"");
	IS(e, "state", "\"standby\"");
	IS(e, "in_step", "{\"configuration\":false,\"recipients\":true}");
	IS(e, "different", "2");
	IS(e, "differences", "[{\"data\":\"configuration\",\"what\":\"surplus\",\"object\":"
		"\"cn=x\"}]");
	IS(e, "differences_left_out", "0");
	IS(e, "comparison.configuration.deleted", "1");
	IS(e, "verified", "{\"address\":\"a@b.example\",\"here\":true,\"edge\":false}");
	json_decref(o);
}
END_TEST

/* Not all of very many are told, but all are counted. */
START_TEST(test_of_very_different)
{
	struct push_comparison r = { .differences = MANY_DIFFERENCES };
	struct asker a;
	json_t *o;
	size_t i;

	ask_test(&a, "{\"full\": true}");
	for (i = 0; i < MANY_DIFFERENCES; i++)
		asked[0].compared.each(PUSH_RECIPIENTS, PUSH_MISSING, "x", asked[0].ctx);
	o = compared(&a, &r);
	IS(edge_at(o, 0), "different", "10003");
	IS(edge_at(o, 0), "differences_left_out", "3");
	ck_assert_uint_eq(json_array_size(json_object_get(edge_at(o, 0), "differences")), 10000);
	json_decref(o);
}
END_TEST

/* What could not be looked at is not known, whatever it was before. */
START_TEST(test_that_fails)
{
	struct push_comparison r = { .error = "the line" };
	struct asker a;
	json_t *o;

	ask_test(&a, "{\"full\": true, \"verify\": \"a@b.example\"}");
	edges[0].push.observes = true;
	edges[0].push.side[PUSH_RECIPIENTS].in_step = false;
	o = compared(&a, &r);
	IS(edge_at(o, 0), "error", "\"the line\"");
	IS(edge_at(o, 0), "in_step.recipients", "null");
	IS(edge_at(o, 0), "verified", "(none)");
	IS(edge_at(o, 0), "comparison", "(none)");
	json_decref(o);
}
END_TEST

START_TEST(test_of_one_that_has_gone)
{
	struct push_comparison r = { .differences = 0 };
	struct asker a;
	json_t *o;

	ask_test(&a, "{}");
	n_edges = 0;
	o = compared(&a, &r);
	IS(edge_at(o, 0), "name", "\"e1\"");
	IS(edge_at(o, 0), "error", "\"its subscription has ended\"");
	json_decref(o);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("control");

	tcase_set_timeout(tc, 100);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, in_step_or_not, 0, sizeof(steps) / sizeof(steps[0]));
	tcase_add_test(tc, status_of_a_holder);
	tcase_add_test(tc, status_of_what_was_pushed_by_half);
	tcase_add_test(tc, status_in_trouble);
	tcase_add_test(tc, status_of_an_observer);
	tcase_add_test(tc, status_of_the_directory);
	tcase_add_test(tc, status_with_a_text_that_was_cut);
	tcase_add_test(tc, metrics_of_edges);
	tcase_add_test(tc, metrics_of_none);
	tcase_add_test(tc, metrics_with_names);
	tcase_add_test(tc, start_of_several);
	tcase_add_test(tc, start_of_one);
	tcase_add_test(tc, start_that_none_takes);
	tcase_add_loop_test(tc, orders_that_are_none, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(tc, members_that_are_null);
	tcase_add_test(tc, start_by_who_may_read);
	tcase_add_test(tc, end_while_it_waits);
	tcase_add_test(tc, goes_while_it_waits);
	tcase_add_test(tc, test_of_one);
	tcase_add_test(tc, test_of_very_different);
	tcase_add_test(tc, test_that_fails);
	tcase_add_test(tc, test_of_one_that_has_gone);
	return unit_run("control", &tc, 1);
}
