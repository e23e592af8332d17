/* http.c - see http.h */
#include "tools/http.h"

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/evp.h>

enum { ANSWER_MAX = 256 * 1024 * 1024, PINS_MAX = 16, DIGEST_SIZE = 32 };

/* One call under way. */
struct transfer {
	struct http_call *call;
	CURL *curl;
	struct curl_slist *headers;
	char *body;
	char *data;
	size_t size, room;
	char why[CURL_ERROR_SIZE];
};

static size_t on_data(char *data, size_t one, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	(void)one;
	if (t->size + n > ANSWER_MAX)
		return 0;
	if (t->size + n + 1 > t->room) {
		t->room = (t->size + n + 1) * 2;
		t->data = xrealloc(t->data, t->room);
	}
	memcpy(t->data + t->size, data, n);
	t->size += n;
	t->data[t->size] = '\0';
	return n;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "sha256:hex" in the way curl writes it, "sha256//base64". */
static const char *curl_pin(const struct ctl *ctl, const char *pin)
{
	unsigned char digest[DIGEST_SIZE], text[DIGEST_SIZE * 2];
	size_t i;

	if (strncmp(pin, "sha256:", 7) != 0 || strlen(pin) != 7 + DIGEST_SIZE * 2)
		return NULL;
	for (i = 0; i < DIGEST_SIZE; i++) {
		int high = hex_value(pin[7 + 2 * i]), low = hex_value(pin[8 + 2 * i]);

		if (high < 0 || low < 0)
			return NULL;
		digest[i] = (unsigned char)(high << 4 | low);
	}
	EVP_EncodeBlock(text, digest, sizeof(digest));
	return arena_printf(ctl->arena, "sha256//%s", text);
}

/* The keys that the directory pins are all that counts; names and issuers do not. */
static int set_trust(const struct ctl *ctl, struct transfer *t)
{
	const struct server *server = t->call->server;
	const char *pins = NULL, *one;
	size_t i;

	for (i = 0; i < server->pins.n && i < PINS_MAX; i++) {
		one = curl_pin(ctl, server->pins.v[i]);
		if (one != NULL)
			pins = pins != NULL ? arena_printf(ctl->arena, "%s;%s", pins, one) : one;
	}
	if (pins == NULL) {
		snprintf(t->call->error, sizeof(t->call->error), "the directory has no key of it "
			"(hubKeyDigest, hubCertificate)");
		return -1;
	}
	curl_easy_setopt(t->curl, CURLOPT_PINNEDPUBLICKEY, pins);
	curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYHOST, 0L);
	return 0;
}

static int set_identity(const struct ctl *ctl, struct transfer *t)
{
	const char *password;
	struct err e;

	if (ctl->certificate != NULL && ctl->key != NULL) {
		curl_easy_setopt(t->curl, CURLOPT_SSLCERT, ctl->certificate);
		curl_easy_setopt(t->curl, CURLOPT_SSLKEY, ctl->key);
	}
	if (ctl->bind_dn == NULL)
		return 0;
	password = ctl_password(ctl, &e);
	if (password == NULL) {
		snprintf(t->call->error, sizeof(t->call->error), "%s", e.text);
		return -1;
	}
	curl_easy_setopt(t->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl_easy_setopt(t->curl, CURLOPT_USERNAME, ctl->bind_dn);
	curl_easy_setopt(t->curl, CURLOPT_PASSWORD, password);
	return 0;
}

static int set_place(const struct ctl *ctl, struct transfer *t)
{
	const struct server *server = t->call->server;
	const char *address = t->call->address;

	if (server == NULL) {
		if (ctl->control == NULL) {
			snprintf(t->call->error, sizeof(t->call->error),
				"which server? --server NAME, "
				"or its socket here: --control PATH, -f SETTINGS");
			return -1;
		}
		curl_easy_setopt(t->curl, CURLOPT_UNIX_SOCKET_PATH, ctl->control);
		curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http");
		curl_easy_setopt(t->curl, CURLOPT_URL, arena_printf(ctl->arena,
			"http://localhost%s",
			t->call->path));
		return 0;
	}
	if (address == NULL)
		address = server->admin.text;
	if (address == NULL) {
		snprintf(t->call->error, sizeof(t->call->error), "it has no hubAdminAddress");
		return -1;
	}
	curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(t->curl, CURLOPT_URL, arena_printf(ctl->arena, "https://%s%s",
		address, t->call->path));
	return set_trust(ctl, t) != 0 || set_identity(ctl, t) != 0 ? -1 : 0;
}

static int prepare(const struct ctl *ctl, struct transfer *t)
{
	t->curl = curl_easy_init();
	BUG_ON(t->curl == NULL);
	curl_easy_setopt(t->curl, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, t->why);
	curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT, (long)CTL_NETWORK_TIMEOUT_S);
	curl_easy_setopt(t->curl, CURLOPT_TIMEOUT, t->call->limit_s != 0 ?
		(long)t->call->limit_s : (long)CTL_ANSWER_TIMEOUT_S);
	curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
	if (t->call->body != NULL) {
		t->body = json_dumps(t->call->body, JSON_COMPACT);
		BUG_ON(t->body == NULL);
		/* without the pause of "Expect: 100-continue" */
		t->headers = curl_slist_append(t->headers, "Content-Type: application/json");
		t->headers = curl_slist_append(t->headers, "Expect:");
		curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
		curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, t->body);
	}
	return set_place(ctl, t);
}

static const char *refusal(long status)
{
	switch (status) {
	case 401:
		return "it does not know this login (-D and -y, or --client-certificate)";
	case 403:
		return "not allowed: needs Organization Management or Server Management";
	case 503:
		return "it cannot ask the directory who this is";
	default:
		return "it refuses";
	}
}

static void take_answer(struct transfer *t)
{
	struct http_call *call = t->call;
	const char *text;
	long status = 0;

	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	call->status = status;
	call->answered = true;
	if (call->as_text && status == 200 && t->data != NULL) {
		call->text = t->data;
		t->data = NULL;
		call->done = true;
		return;
	}
	call->answer = t->size != 0 ? json_loadb(t->data, t->size, 0, NULL) : NULL;
	call->done = status == 200 && call->answer != NULL;
	if (call->done)
		return;
	text = json_string_value(json_object_get(call->answer, "error"));
	snprintf(call->error, sizeof(call->error), "%s", text != NULL ? text : refusal(status));
}

/* libcurl speaks of localhost and port 80 where it was a socket's path. */
static const char *why_no_connection(struct transfer *t)
{
	long code = 0;

	curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &code);
	return code != 0 ? strerror((int)code) : "nobody listens there";
}

static void take_result(struct transfer *t, CURLcode code)
{
	struct http_call *call = t->call;

	if (code == CURLE_OK)
		take_answer(t);
	else if (code == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
		snprintf(call->error, sizeof(call->error), "what answers at %s does not hold a key "
			"that the directory has for it", call->address != NULL ? call->address :
			call->server->admin.text);
	else if (code == CURLE_COULDNT_CONNECT && call->server == NULL)
		snprintf(call->error, sizeof(call->error), "%s", why_no_connection(t));
	else
		snprintf(call->error, sizeof(call->error), "%s",
			t->why[0] != '\0' ? t->why : curl_easy_strerror(code));
}

static void run_all(CURLM *multi)
{
	struct transfer *t;
	CURLMsg *m;
	int running = 0, left;

	do {
		BUG_ON(curl_multi_perform(multi, &running) != CURLM_OK);
		if (running != 0)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	} while (running != 0);
	while ((m = curl_multi_info_read(multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		take_result(t, m->data.result);
	}
}

void http_perform(const struct ctl *ctl, struct http_call *calls, size_t n)
{
	struct transfer *transfers = xcalloc(n, sizeof(*transfers));
	CURLM *multi;
	size_t i;

	BUG_ON(curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK);
	multi = curl_multi_init();
	BUG_ON(multi == NULL);
	for (i = 0; i < n; i++) {
		transfers[i].call = &calls[i];
		if (prepare(ctl, &transfers[i]) == 0)
			curl_multi_add_handle(multi, transfers[i].curl);
	}
	run_all(multi);
	for (i = 0; i < n; i++) {
		curl_multi_remove_handle(multi, transfers[i].curl);
		curl_easy_cleanup(transfers[i].curl);
		curl_slist_free_all(transfers[i].headers);
		free(transfers[i].body);
		free(transfers[i].data);
	}
	curl_multi_cleanup(multi);
	curl_global_cleanup();
	free(transfers);
}
