/* prover.h - the threads that make proofs, by GNU SASL.
 *
 * A worker must wait neither for a Kerberos server nor for as many rounds of a hash as a peer asks
 * for. So GSSAPI has a thread of its own, since a realm that does not answer holds it up for long,
 * and the mechanisms that know a password share another, where a proof is refused that would take
 * more than PROVER_ROUNDS_MAX rounds.
 *
 * Made, started, joined and freed by the main thread; any thread posts. Order of stopping: workers'
 * threads end, prover_join, workers are freed (which abandons proofs), prover_free.
 */
#ifndef HUB_PROOF_PROVER_H
#define HUB_PROOF_PROVER_H

#include "hubd/proof/proof.h"

struct prover;

enum { PROVER_ROUNDS_MAX = 1000 * 1000 };

/* keytab: as after gssapi_prepare, copied; NULL = no GSSAPI. NULL: see e. */
struct prover *prover_new(const char *keytab, struct err *e) MUST_CHECK;
/* Joined. Accepts a pointer to NULL; sets it to NULL. */
void prover_free(struct prover **p);
int prover_start(struct prover *p, struct err *e) MUST_CHECK;
/* Ends the threads; what is under way is never answered. */
void prover_join(struct prover *p);
bool prover_has_keytab(const struct prover *p);

/* Any thread that has it: it is answered through its inbox. */
void prover_post(struct prover *p, struct proof *proof);
/* Any thread that has it: nobody wants the answer. Sets *proof to NULL, accepts NULL there. */
void prover_abandon(struct prover *p, struct proof **proof);

#endif
