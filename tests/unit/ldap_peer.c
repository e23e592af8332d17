/* ldap_peer.c - see ldap_peer.h */
#include "ldap_peer.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <openldap.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "libhub/base/loop.h"
#include "libhub/base/mem.h"

/* --- requests --- */

static void take_text(char *out, size_t size, const struct berval *from)
{
	snprintf(out, size, "%.*s", (int)from->bv_len, from->bv_len != 0 ? from->bv_val : "");
}

static void take_values(struct ldap_peer_change *c, BerElement *ber)
{
	struct berval *values = NULL;

	BUG_ON(ber_scanf(ber, "[W]", &values) == LBER_ERROR);
	for (; values != NULL && values[c->n].bv_val != NULL; c->n++)
		if (c->n == 0)
			take_text(c->value, sizeof(c->value), &values[0]);
	ber_bvarray_free(values);
}

static void take_attributes(struct ldap_request *r, BerElement *ber)
{
	struct ldap_peer_change *c;
	struct berval name;
	ber_tag_t tag;
	ber_len_t size;
	char *last;

	for (tag = ber_first_element(ber, &size, &last); tag != LBER_DEFAULT;
	     tag = ber_next_element(ber, &size, last)) {
		BUG_ON(r->n == LDAP_PEER_CHANGES);
		c = &r->changes[r->n++];
		if (r->op == LDAP_REQ_MODIFY)
			BUG_ON(ber_scanf(ber, "{e{m", &c->how, &name) == LBER_ERROR);
		else
			BUG_ON(ber_scanf(ber, "{m", &name) == LBER_ERROR);
		take_text(c->attr, sizeof(c->attr), &name);
		take_values(c, ber);
		BUG_ON(ber_scanf(ber, r->op == LDAP_REQ_MODIFY ? "}}" : "}") == LBER_ERROR);
	}
}

static void take_operation(struct ldap_request *r, BerElement *ber)
{
	struct berval dn = { 0, NULL }, password = { 0, NULL };
	ber_int_t version;

	switch (r->op) {
	case LDAP_REQ_BIND:
		BUG_ON(ber_scanf(ber, "{imm", &version, &dn, &password) == LBER_ERROR);
		break;
	case LDAP_REQ_SEARCH:
	case LDAP_REQ_ADD:
	case LDAP_REQ_MODIFY:
		BUG_ON(ber_scanf(ber, "{m", &dn) == LBER_ERROR);
		break;
	case LDAP_REQ_DELETE:
		BUG_ON(ber_scanf(ber, "m", &dn) == LBER_ERROR);
		break;
	default:
		break;
	}
	take_text(r->dn, sizeof(r->dn), &dn);
	take_text(r->password, sizeof(r->password), &password);
	if (r->op == LDAP_REQ_ADD || r->op == LDAP_REQ_MODIFY)
		take_attributes(r, ber);
}

static void take_request(struct ldap_peer *p, char *message, size_t size)
{
	struct berval bytes = { size, message };
	BerElement *ber = ber_init(&bytes);
	struct ldap_request r = { .id = 0 };

	BUG_ON(ber == NULL || ber_scanf(ber, "{i", &r.id) == LBER_ERROR);
	r.op = ber_peek_tag(ber, &(ber_len_t){ 0 });
	take_operation(&r, ber);
	r.asserts = memmem(message, size, LDAP_CONTROL_ASSERT, sizeof(LDAP_CONTROL_ASSERT) - 1) !=
		NULL;
	ber_free(ber, 1);
	if (r.op == LDAP_REQ_UNBIND)
		return;
	p->requests++;
	p->cb(&r, p->ctx);
}

/* The size of the message at the beginning, 0 if it is not all there. */
static size_t message_size(struct evbuffer *in)
{
	unsigned char head[6];
	ev_ssize_t n = evbuffer_copyout(in, head, sizeof(head));
	size_t size = 0, bytes, i;

	if (n < 2)
		return 0;
	bytes = (head[1] & 0x80) != 0 ? head[1] & 0x7f : 0;
	if (bytes > 4 || (size_t)n < 2 + bytes)
		return 0;
	for (i = 0; i < bytes; i++)
		size = size << 8 | head[2 + i];
	size = bytes == 0 ? head[1] : size;
	size += 2 + bytes;
	return evbuffer_get_length(in) >= size ? size : 0;
}

static void on_read(struct bufferevent *bev, void *ctx)
{
	struct ldap_peer *p = ctx;
	size_t size;
	char *message;

	while (p->bev == bev && (size = message_size(bufferevent_get_input(bev))) != 0) {
		message = xmalloc(size);
		bufferevent_read(bev, message, size);
		take_request(p, message, size);
		free(message);
	}
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct ldap_peer *p = ctx;

	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0 && p->bev == bev)
		ldap_peer_drop(p);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *address,
	int size, void *ctx)
{
	struct event_base *base = evconnlistener_get_base(l);
	struct ldap_peer *p = ctx;

	(void)address;
	(void)size;
	ldap_peer_drop(p);
	p->connections++;
	p->bev = p->tls == NULL ? bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE) :
		bufferevent_openssl_socket_new(base, fd, SSL_new(p->tls),
			BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	BUG_ON(p->bev == NULL);
	bufferevent_setcb(p->bev, on_read, NULL, on_event, p);
	bufferevent_enable(p->bev, EV_READ | EV_WRITE);
}

void ldap_peer_open(struct ldap_peer *p, struct loop *loop, SSL_CTX *tls, ldap_peer_cb *cb,
	void *ctx)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(in);

	*p = (struct ldap_peer){ .tls = tls, .cb = cb, .ctx = ctx };
	p->listener = evconnlistener_new_bind(loop_base(loop), on_accept, p,
		LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&in, sizeof(in));
	BUG_ON(p->listener == NULL);
	getsockname(evconnlistener_get_fd(p->listener), (struct sockaddr *)&in, &size);
	p->port = ntohs(in.sin_port);
	snprintf(p->uri, sizeof(p->uri), "ldap%s://127.0.0.1:%u", tls != NULL ? "s" : "", p->port);
}

void ldap_peer_drop(struct ldap_peer *p)
{
	if (p->bev != NULL)
		bufferevent_free(p->bev);
	p->bev = NULL;
}

void ldap_peer_close(struct ldap_peer *p)
{
	ldap_peer_drop(p);
	evconnlistener_free(p->listener);
}

/* --- answers --- */

static void send_ber(struct ldap_peer *p, BerElement *ber)
{
	struct berval bytes;

	BUG_ON(ber_flatten2(ber, &bytes, 0) != 0);
	if (p->bev != NULL)
		bufferevent_write(p->bev, bytes.bv_val, bytes.bv_len);
	ber_free(ber, 1);
}

static void put_entry(BerElement *ber, const char *dn, const char *const *attrs)
{
	BUG_ON(ber_printf(ber, "s{", dn) < 0);
	for (; attrs[0] != NULL; attrs += 2)
		if (attrs[1] != NULL)
			BUG_ON(ber_printf(ber, "{s[s]}", attrs[0], attrs[1]) < 0);
	BUG_ON(ber_printf(ber, "}") < 0);
}

void ldap_peer_entry(struct ldap_peer *p, int id, const char *dn, const char *const *attrs)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);

	BUG_ON(ber_printf(ber, "{it{", id, LDAP_RES_SEARCH_ENTRY) < 0);
	put_entry(ber, dn, attrs);
	BUG_ON(ber_printf(ber, "}}") < 0);
	send_ber(p, ber);
}

static ber_tag_t result_of(ber_tag_t op)
{
	/* the tag of an answer is the next after the request's, but for these */
	return op == LDAP_REQ_SEARCH ? LDAP_RES_SEARCH_RESULT : op == LDAP_REQ_DELETE ?
		LDAP_RES_DELETE : op + 1;
}

void ldap_peer_answer(struct ldap_peer *p, const struct ldap_request *r, int code)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);

	BUG_ON(ber_printf(ber, "{it{ess}}", r->id, result_of(r->op), code, "", "") < 0);
	send_ber(p, ber);
}

void ldap_peer_written(struct ldap_peer *p, const struct ldap_request *r, const char *time)
{
	const char *const attrs[] = { "modifyTimestamp", time, NULL };
	BerElement *after = ber_alloc_t(LBER_USE_DER), *ber = ber_alloc_t(LBER_USE_DER);
	struct berval value;

	BUG_ON(ber_printf(after, "{") < 0);
	put_entry(after, r->dn, attrs);
	BUG_ON(ber_printf(after, "}") < 0 || ber_flatten2(after, &value, 0) != 0);
	BUG_ON(ber_printf(ber, "{it{ess}t{{sO}}}", r->id, result_of(r->op), LDAP_SUCCESS, "", "",
		LDAP_TAG_CONTROLS, LDAP_CONTROL_POST_READ, &value) < 0);
	ber_free(after, 1);
	send_ber(p, ber);
}
