/* slapd.c - see slapd.h */
#include "slapd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libhub/base/err.h"
#include "libhub/base/mem.h"

enum { START_TRIES = 10000, TRY_NS = 5 * 1000 * 1000 };

bool slapd_available(void)
{
	return access("/usr/sbin/slapd", X_OK) == 0 && access("/usr/bin/ldapmodify", X_OK) == 0;
}

static void run(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void run(const char *fmt, ...)
{
	char command[1000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		abort();
	}
}

void slapd_certificate(const char *path, const char *alt_name)
{
	run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
	    "-subj '/CN=test' -addext 'subjectAltName=%s' -keyout %s.key -out %s.pem 2>/dev/null",
	    alt_name, path, path);
}

/*
 * A port for slapd. *held is bound to it too and keeps everybody else off: the kernel lets two that
 * do not listen share an address when both say SO_REUSEADDR, as slapd does.
 */
static unsigned int reserve_port(const char *address, int *held)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { inet_addr(address) } };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	BUG_ON(fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0);
	BUG_ON(bind(fd, (struct sockaddr *)&a, len) != 0 ||
		getsockname(fd, (struct sockaddr *)&a, &len) != 0);
	*held = fd;
	return ntohs(a.sin_port);
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	BUG_ON(f == NULL || fputs(text, f) < 0 || fclose(f) != 0);
}

static void write_config(struct slapd *s, bool tls, const char *schema)
{
	char path[60];
	FILE *f;

	snprintf(path, sizeof(path), "%s/slapd.conf", s->dir);
	f = fopen(path, "w");
	BUG_ON(f == NULL);
	fprintf(f, "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n"
		"include /etc/ldap/schema/inetorgperson.schema\n"
		"modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload syncprov\n"
		"authz-regexp gidNumber=.*,cn=peercred,cn=external,cn=auth " SLAPD_ADMIN "\n");
	if (schema != NULL)
		fprintf(f, "include /etc/ldap/schema/misc.schema\ninclude %s\n", schema);
	if (tls)
		fprintf(f, "TLSCertificateFile %s/server.pem\nTLSCertificateKeyFile %s/server.key\n"
			"TLSCACertificateFile %s/client.pem\nTLSVerifyClient try\n"
			"authz-regexp ^cn=test$ " SLAPD_ADMIN "\n", s->dir, s->dir, s->dir);
	fprintf(f, "database mdb\nsuffix o=x\nrootdn " SLAPD_ADMIN "\nrootpw " SLAPD_PASSWORD "\n"
		"directory %s/db\nmaxsize 104857600\ndbnosync\nindex objectClass eq\n"
		"access to attrs=userPassword by anonymous auth by * none\n"
		"access to dn.base=cn=hidden,ou=a,o=x by dn.exact=cn=half,o=x none by * read\n"
		"access to dn.base=o=x by dn.exact=cn=half,o=x search "
		"by dn.exact=cn=nobody,o=x none by * read\n"
		"access to * by dn.exact=cn=nobody,o=x none by * read\n"
		"overlay syncprov\nsyncprov-checkpoint 1 1\n", s->dir);
	BUG_ON(fclose(f) != 0);
}

static void encode_path(const char *path, char *out)
{
	for (; *path != '\0'; path++)
		out += sprintf(out, *path == '/' ? "%%2F" : "%c", *path);
}

static void make(struct slapd *s, const char *ldif, bool tls, const char *schema)
{
	char path[60], encoded[120];

	memset(s, 0, sizeof(*s));
	strcpy(s->dir, "/tmp/hub-test-slapd.XXXXXX");
	BUG_ON(mkdtemp(s->dir) == NULL);
	snprintf(path, sizeof(path), "%s/db", s->dir);
	BUG_ON(mkdir(path, 0700) != 0);
	snprintf(path, sizeof(path), "%s/s", s->dir);
	encode_path(path, encoded);
	snprintf(s->ldapi, sizeof(s->ldapi), "ldapi://%s", encoded);
	snprintf(s->ldap, sizeof(s->ldap), "ldap://127.0.0.1:%u",
		reserve_port("127.0.0.1", &s->held[0]));
	snprintf(s->ldaps, sizeof(s->ldaps), "ldaps://127.0.0.1:%u",
		reserve_port("127.0.0.1", &s->held[1]));
	snprintf(s->ca, sizeof(s->ca), "%s/server.pem", s->dir);
	snprintf(s->password_file, sizeof(s->password_file), "%s/password", s->dir);
	write_text(s->password_file, SLAPD_PASSWORD "\n");
	if (tls) {
		snprintf(path, sizeof(path), "%s/server", s->dir);
		slapd_certificate(path, "IP:127.0.0.1");
		snprintf(path, sizeof(path), "%s/client", s->dir);
		slapd_certificate(path, "DNS:client.example");
		snprintf(s->certificate, sizeof(s->certificate), "%s.pem", path);
		snprintf(s->key, sizeof(s->key), "%s.key", path);
	}
	write_config(s, tls, schema);
	snprintf(path, sizeof(path), "%s/data.ldif", s->dir);
	write_text(path, ldif);
	run("slapadd -q -w -b o=x -f %s/slapd.conf -l %s/data.ldif", s->dir, s->dir);
}

void slapd_make(struct slapd *s, const char *ldif, bool tls)
{
	make(s, ldif, tls, NULL);
}

void slapd_make_schema(struct slapd *s, const char *ldif, const char *schema)
{
	make(s, ldif, false, schema);
}

void slapd_move(struct slapd *s, const char *address)
{
	close(s->held[1]);
	snprintf(s->ldaps, sizeof(s->ldaps), "ldaps://%s:%u", address,
		reserve_port(address, &s->held[1]));
}

static bool answers(const struct slapd *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	BUG_ON(fd < 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", s->dir);
	rc = connect(fd, (struct sockaddr *)&a, sizeof(a));
	close(fd);
	return rc == 0;
}

void slapd_configure(const struct slapd *s, const char *lines)
{
	char path[60];
	FILE *f;

	snprintf(path, sizeof(path), "%s/slapd.conf", s->dir);
	f = fopen(path, "a");
	BUG_ON(f == NULL || fputs(lines, f) < 0 || fclose(f) != 0);
}

void slapd_start(struct slapd *s)
{
	static const struct timespec pause_between = { 0, TRY_NS };
	char config[60], urls[300];
	int i;

	snprintf(config, sizeof(config), "%s/slapd.conf", s->dir);
	snprintf(urls, sizeof(urls), "%s %s %s", s->ldapi, s->ldap,
		access(s->ca, F_OK) == 0 ? s->ldaps : "");
	s->pid = fork();
	BUG_ON(s->pid < 0);
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/usr/sbin/slapd", "slapd", "-d", "0", "-f", config, "-h", urls, (char *)0);
		_exit(127);
	}
	for (i = 0; !answers(s); i++) {
		BUG_ON(waitpid(s->pid, NULL, WNOHANG) != 0);
		BUG_ON(i == START_TRIES);
		nanosleep(&pause_between, NULL);
	}
}

void slapd_signal(const struct slapd *s, int sig)
{
	BUG_ON(kill(s->pid, sig) != 0);
	/* its threads stop one after the other */
	if (sig == SIGSTOP)
		BUG_ON(waitpid(s->pid, NULL, WUNTRACED) != s->pid);
}

void slapd_stop(struct slapd *s, int sig)
{
	slapd_signal(s, sig);
	BUG_ON(waitpid(s->pid, NULL, 0) != s->pid);
	s->pid = 0;
}

void slapd_remove(struct slapd *s)
{
	if (s->pid != 0)
		slapd_stop(s, SIGKILL);
	close(s->held[0]);
	close(s->held[1]);
	run("rm -rf %s", s->dir);
}

int slapd_modify(const struct slapd *s, const char *ldif)
{
	char command[400];
	FILE *p;

	if (s->pid != 0)
		snprintf(command, sizeof(command), "ldapmodify -Q -Y EXTERNAL -H '%s' >/dev/null",
			s->ldapi);
	else
		snprintf(command, sizeof(command), "slapmodify -b o=x -f %s/slapd.conf", s->dir);
	p = popen(command, "w");
	BUG_ON(p == NULL);
	fputs(ldif, p);
	return pclose(p);
}
