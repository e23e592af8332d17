EXTRA_PROGRAMS += tests/bench/spool_bench
tests_bench_spool_bench_SOURCES = tests/bench/spool_bench.c
tests_bench_spool_bench_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
