EXTRA_PROGRAMS += tests/bench/firewall_bench
tests_bench_firewall_bench_SOURCES = tests/bench/firewall_bench.c
tests_bench_firewall_bench_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
