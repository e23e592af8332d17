EXTRA_PROGRAMS += tests/bench/snapshot_bench
tests_bench_snapshot_bench_SOURCES = tests/bench/snapshot_bench.c tests/unit/org_text.h
tests_bench_snapshot_bench_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
