# benches: built by "make benches", run by hand or by tests/run on request, never by check
EXTRA_PROGRAMS =
benches: $(EXTRA_PROGRAMS)
.PHONY: benches
CLEANFILES += $(EXTRA_PROGRAMS)

include tests/bench/spool.mk
include tests/bench/route.mk
include tests/bench/snapshot.mk
include tests/bench/recipients.mk
include tests/bench/load.mk
include tests/bench/firewall.mk
include tests/bench/topology.mk
