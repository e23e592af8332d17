EXTRA_PROGRAMS += tests/bench/route_bench
tests_bench_route_bench_SOURCES = tests/bench/route_bench.c tests/unit/org_fixture.c \
	tests/unit/org_fixture.h
tests_bench_route_bench_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
