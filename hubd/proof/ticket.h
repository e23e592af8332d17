/* ticket.h - the Kerberos ticket by which this server asks for others, from the keys in its keytab.
 * The prover's thread for GSSAPI: it waits for the realm's servers.
 *
 * It lies in the process's memory, under the name that gssapi_prepare has put into the environment,
 * where the GSSAPI library finds it; of one principal at a time, which is mostly the only one.
 */
#ifndef HUB_PROOF_TICKET_H
#define HUB_PROOF_TICKET_H

#include "libhub/base/err.h"

struct ticket_office;

/* keytab outlives it; NULL = there is none, and no ticket. */
struct ticket_office *ticket_office_new(const char *keytab);
/* Accepts a pointer to NULL; sets it to NULL. */
void ticket_office_free(struct ticket_office **o);

/*
 * On 0 there is a ticket of that principal ("name" or "name@REALM"; NULL = the first smtp/... in
 * the keytab) that lasts a while. A failure is remembered for TICKET_FAILURE_S.
 */
int ticket_need(struct ticket_office *o, const char *principal, struct err *e) MUST_CHECK;
enum { TICKET_FAILURE_S = 5, TICKET_LEFT_S = 300 };

#endif
