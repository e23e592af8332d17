# fuzz targets: fuzz_NAME.c has LLVMFuzzerTestOneInput. With --enable-fuzzers (and clang, and best
# with --enable-sanitizers) each is a libFuzzer program; always, replay_NAME runs it over the files
# of corpus/NAME as a test.
EXTRA_DIST += tests/fuzz/corpus

check_PROGRAMS += tests/fuzz/replay_command
tests_fuzz_replay_command_SOURCES = tests/fuzz/fuzz_command.c tests/fuzz/replay_main.c
tests_fuzz_replay_command_LDADD = $(LIBHUB) $(LIBHUB_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_command
tests_fuzz_fuzz_command_SOURCES = tests/fuzz/fuzz_command.c
tests_fuzz_fuzz_command_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
tests_fuzz_fuzz_command_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
