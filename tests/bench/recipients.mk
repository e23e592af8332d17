EXTRA_PROGRAMS += tests/bench/recipients_bench
tests_bench_recipients_bench_SOURCES = tests/bench/recipients_bench.c
tests_bench_recipients_bench_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
EXTRA_DIST += tests/bench/recipients
