EXTRA_PROGRAMS += tests/bench/load
tests_bench_load_SOURCES = tests/bench/load.h tests/bench/load_main.c tests/bench/load_conn.c \
	tests/bench/load_sink.c tests/bench/load_source.c tests/bench/load_trouble.c
tests_bench_load_LDADD = $(LIBHUB) $(LIBHUB_LIBS)

EXTRA_PROGRAMS += tests/bench/load_tls
tests_bench_load_tls_SOURCES = tests/bench/load_tls.c
tests_bench_load_tls_LDADD = $(LIBHUB) $(LIBHUB_LIBS)

EXTRA_DIST += tests/bench/all tests/bench/relay tests/bench/propagation tests/bench/big-directory \
	tests/bench/failover tests/bench/idle-sessions tests/bench/common.py \
	tests/bench/load_tool.py tests/bench/postfix.py tests/bench/one_hub.py \
	tests/bench/changes.py tests/bench/validated-writes tests/bench/tls-sessions \
	tests/bench/firewall tests/bench/destinations tests/bench/lookups tests/bench/edges
