EXTRA_PROGRAMS += tests/bench/load
tests_bench_load_SOURCES = tests/bench/load.h tests/bench/load_main.c tests/bench/load_conn.c \
	tests/bench/load_sink.c tests/bench/load_source.c
tests_bench_load_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
