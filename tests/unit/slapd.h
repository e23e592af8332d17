/* slapd.h - a private slapd for one test: o=x with syncprov, in a directory of its own.
 *
 * It dies with the test process that started it. Functions abort on what must not happen.
 */
#ifndef HUB_TESTS_SLAPD_H
#define HUB_TESTS_SLAPD_H

#include <stdbool.h>
#include <sys/types.h>

#define SLAPD_ADMIN "cn=admin,o=x"
#define SLAPD_PASSWORD "secret"

struct slapd {
	char dir[40];
	char ldapi[140], ldap[40], ldaps[40];	/* URIs */
	char ca[60];				/* who signed the server's certificate (itself) */
	char certificate[70], key[70];		/* of a client that is SLAPD_ADMIN */
	char password_file[60];			/* of SLAPD_ADMIN */
	int held[2];				/* sockets that keep its ports */
	pid_t pid;				/* 0 = not running */
};

bool slapd_available(void);
/*
 * Prepares one and loads LDIF, which must hold o=x; not started. tls: its certificate is for
 * 127.0.0.1. Anonymous and everybody may read, but "cn=nobody,o=x" nothing and
 * "cn=half,o=x" neither o=x itself nor cn=hidden,ou=a,o=x.
 */
void slapd_make(struct slapd *s, const char *ldif, bool tls);
/* The same without TLS, with one more schema file. */
void slapd_make_schema(struct slapd *s, const char *ldif, const char *schema);
/* Adds lines to the configuration, after those of syncprov; before it starts. */
void slapd_configure(const struct slapd *s, const char *lines);
/* Its ldaps URI gets another IPv4 address, and a port that is free there; before it starts. */
void slapd_move(struct slapd *s, const char *address);
/* Returns when it answers. */
void slapd_start(struct slapd *s);
/* Ends it by a signal and waits for that. */
void slapd_stop(struct slapd *s, int sig);
void slapd_signal(const struct slapd *s, int sig);
/* Stops it if need be and removes all files. */
void slapd_remove(struct slapd *s);
/* Change records by ldapmodify, or by slapmodify while it is not running. Exit status. */
int slapd_modify(const struct slapd *s, const char *ldif);

/* Makes a throw-away certificate, signed by itself: PATH.pem and PATH.key. */
void slapd_certificate(const char *path, const char *alt_name);

#endif
