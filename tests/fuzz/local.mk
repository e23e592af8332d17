# fuzz targets: fuzz_NAME.c has LLVMFuzzerTestOneInput. With --enable-fuzzers (and clang, and best
# with --enable-sanitizers) each is a libFuzzer program; always, replay_NAME runs it over the files
# of corpus/NAME as a test. campaign runs all of them for a time.
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/campaign

check_PROGRAMS += tests/fuzz/replay_command tests/fuzz/replay_session
tests_fuzz_replay_command_SOURCES = tests/fuzz/fuzz_command.c tests/fuzz/replay_main.c
tests_fuzz_replay_command_LDADD = $(LIBHUB) $(LIBHUB_LIBS)

FUZZ_SESSION_SOURCES = tests/fuzz/fuzz_session.c tests/fuzz/fuzz_client.c tests/fuzz/fuzz_world.c \
	tests/fuzz/fuzz_world.h tests/fuzz/fuzz_world_priv.h \
	tests/unit/identity.c tests/unit/identity.h tests/unit/org_text.h
FUZZ_SESSION_LIBS = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
tests_fuzz_replay_session_SOURCES = $(FUZZ_SESSION_SOURCES) tests/fuzz/replay_main.c
tests_fuzz_replay_session_LDADD = $(FUZZ_SESSION_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_command tests/fuzz/fuzz_session
tests_fuzz_fuzz_command_SOURCES = tests/fuzz/fuzz_command.c
tests_fuzz_fuzz_command_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
tests_fuzz_fuzz_command_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_session_SOURCES = $(FUZZ_SESSION_SOURCES)
tests_fuzz_fuzz_session_LDADD = $(FUZZ_SESSION_LIBS)
tests_fuzz_fuzz_session_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif

check_PROGRAMS += tests/fuzz/replay_directory tests/fuzz/replay_envelope
tests_fuzz_replay_directory_SOURCES = tests/fuzz/fuzz_directory.c tests/fuzz/replay_main.c
tests_fuzz_replay_directory_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
tests_fuzz_replay_envelope_SOURCES = tests/fuzz/fuzz_envelope.c tests/fuzz/replay_main.c
tests_fuzz_replay_envelope_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_directory tests/fuzz/fuzz_envelope
tests_fuzz_fuzz_directory_SOURCES = tests/fuzz/fuzz_directory.c
tests_fuzz_fuzz_directory_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
tests_fuzz_fuzz_directory_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_envelope_SOURCES = tests/fuzz/fuzz_envelope.c
tests_fuzz_fuzz_envelope_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
tests_fuzz_fuzz_envelope_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif

check_PROGRAMS += tests/fuzz/replay_request
tests_fuzz_replay_request_SOURCES = tests/fuzz/fuzz_request.c tests/fuzz/replay_main.c
tests_fuzz_replay_request_LDADD = $(LIBVALIDATOR) $(LIBHUB) $(LIBHUB_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_request
tests_fuzz_fuzz_request_SOURCES = tests/fuzz/fuzz_request.c
tests_fuzz_fuzz_request_LDADD = $(LIBVALIDATOR) $(LIBHUB) $(LIBHUB_LIBS)
tests_fuzz_fuzz_request_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif

check_PROGRAMS += tests/fuzz/replay_recipients
tests_fuzz_replay_recipients_SOURCES = tests/fuzz/fuzz_recipients.c tests/fuzz/replay_main.c
tests_fuzz_replay_recipients_LDADD = $(LIBHUB) $(LIBHUB_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_recipients
tests_fuzz_fuzz_recipients_SOURCES = tests/fuzz/fuzz_recipients.c
tests_fuzz_fuzz_recipients_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
tests_fuzz_fuzz_recipients_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
