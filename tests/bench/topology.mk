EXTRA_PROGRAMS += tests/bench/topology_bench
tests_bench_topology_bench_SOURCES = tests/bench/topology_bench.c
tests_bench_topology_bench_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
EXTRA_DIST += tests/bench/large-topology tests/bench/topology.py
