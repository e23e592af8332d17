# fuzz targets: fuzz_NAME.c has LLVMFuzzerTestOneInput. With --enable-fuzzers (and clang, and best
# with --enable-sanitizers) each is a libFuzzer program; always, replay_NAME runs it over the files
# of corpus/NAME as a test. campaign runs all of them for a time.
EXTRA_DIST += %D%/corpus %D%/dictionary %D%/campaign

FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZ_CHECKS = %D%/fuzz_checks.c %D%/fuzz_checks.h

check_PROGRAMS += %D%/replay_address
%C%_replay_address_SOURCES = %D%/fuzz_address.c $(FUZZ_CHECKS) %D%/replay_main.c
%C%_replay_address_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_address
%C%_fuzz_address_SOURCES = %D%/fuzz_address.c $(FUZZ_CHECKS)
%C%_fuzz_address_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_address_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_agent
%C%_replay_agent_SOURCES = %D%/fuzz_agent.c %D%/replay_main.c
%C%_replay_agent_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_agent
%C%_fuzz_agent_SOURCES = %D%/fuzz_agent.c
%C%_fuzz_agent_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_agent_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_body
%C%_replay_body_SOURCES = %D%/fuzz_body.c $(FUZZ_CHECKS) %D%/replay_main.c
%C%_replay_body_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_body
%C%_fuzz_body_SOURCES = %D%/fuzz_body.c $(FUZZ_CHECKS)
%C%_fuzz_body_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_body_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_certificate
%C%_replay_certificate_SOURCES = %D%/fuzz_certificate.c %D%/replay_main.c
%C%_replay_certificate_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_certificate
%C%_fuzz_certificate_SOURCES = %D%/fuzz_certificate.c
%C%_fuzz_certificate_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_certificate_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_command
%C%_replay_command_SOURCES = %D%/fuzz_command.c $(FUZZ_CHECKS) %D%/replay_main.c
%C%_replay_command_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_command
%C%_fuzz_command_SOURCES = %D%/fuzz_command.c $(FUZZ_CHECKS)
%C%_fuzz_command_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_command_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_directory
%C%_replay_directory_SOURCES = %D%/fuzz_directory.c %D%/replay_main.c
%C%_replay_directory_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_directory
%C%_fuzz_directory_SOURCES = %D%/fuzz_directory.c
%C%_fuzz_directory_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_directory_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_edge
%C%_replay_edge_SOURCES = %D%/fuzz_edge.c %D%/replay_main.c
%C%_replay_edge_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_edge
%C%_fuzz_edge_SOURCES = %D%/fuzz_edge.c
%C%_fuzz_edge_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_edge_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_envelope
%C%_replay_envelope_SOURCES = %D%/fuzz_envelope.c %D%/replay_main.c
%C%_replay_envelope_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_envelope
%C%_fuzz_envelope_SOURCES = %D%/fuzz_envelope.c
%C%_fuzz_envelope_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_envelope_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_fields
%C%_replay_fields_SOURCES = %D%/fuzz_fields.c $(FUZZ_CHECKS) %D%/replay_main.c
%C%_replay_fields_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_fields
%C%_fuzz_fields_SOURCES = %D%/fuzz_fields.c $(FUZZ_CHECKS)
%C%_fuzz_fields_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_fields_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_header
%C%_replay_header_SOURCES = %D%/fuzz_header.c $(FUZZ_CHECKS) %D%/replay_main.c
%C%_replay_header_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_header
%C%_fuzz_header_SOURCES = %D%/fuzz_header.c $(FUZZ_CHECKS)
%C%_fuzz_header_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_header_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_log
%C%_replay_log_SOURCES = %D%/fuzz_log.c %D%/replay_main.c
%C%_replay_log_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_log
%C%_fuzz_log_SOURCES = %D%/fuzz_log.c
%C%_fuzz_log_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_log_LDFLAGS = $(FUZZ_LINK)
endif

FUZZ_LOGIN_FILES = %D%/fuzz_login.c %D%/fuzz_kerberos.c %D%/fuzz_kerberos.h
FUZZ_LOGIN_LIBS = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(GSASL_LIBS) $(GSSAPI_LIBS) $(KRB5_LIBS)
check_PROGRAMS += %D%/replay_login
%C%_replay_login_SOURCES = $(FUZZ_LOGIN_FILES) %D%/replay_main.c
%C%_replay_login_LDADD = $(FUZZ_LOGIN_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_login
%C%_fuzz_login_SOURCES = $(FUZZ_LOGIN_FILES)
%C%_fuzz_login_LDADD = $(FUZZ_LOGIN_LIBS)
%C%_fuzz_login_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_recipients
%C%_replay_recipients_SOURCES = %D%/fuzz_recipients.c %D%/replay_main.c
%C%_replay_recipients_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_recipients
%C%_fuzz_recipients_SOURCES = %D%/fuzz_recipients.c
%C%_fuzz_recipients_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_recipients_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_replica
%C%_replay_replica_SOURCES = %D%/fuzz_replica.c %D%/replay_main.c
%C%_replay_replica_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_replica
%C%_fuzz_replica_SOURCES = %D%/fuzz_replica.c
%C%_fuzz_replica_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_replica_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_reply
%C%_replay_reply_SOURCES = %D%/fuzz_reply.c $(FUZZ_CHECKS) %D%/replay_main.c
%C%_replay_reply_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_reply
%C%_fuzz_reply_SOURCES = %D%/fuzz_reply.c $(FUZZ_CHECKS)
%C%_fuzz_reply_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_reply_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_request
%C%_replay_request_SOURCES = %D%/fuzz_request.c %D%/replay_main.c
%C%_replay_request_LDADD = $(LIBVALIDATOR) $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_request
%C%_fuzz_request_SOURCES = %D%/fuzz_request.c
%C%_fuzz_request_LDADD = $(LIBVALIDATOR) $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_request_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_settings
%C%_replay_settings_SOURCES = %D%/fuzz_settings.c %D%/replay_main.c
%C%_replay_settings_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_settings
%C%_fuzz_settings_SOURCES = %D%/fuzz_settings.c
%C%_fuzz_settings_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_settings_LDFLAGS = $(FUZZ_LINK)
endif

FUZZ_SUBSCRIPTION_FILES = %D%/fuzz_subscription.c tests/unit/identity.c tests/unit/identity.h
check_PROGRAMS += %D%/replay_subscription
%C%_replay_subscription_SOURCES = $(FUZZ_SUBSCRIPTION_FILES) %D%/replay_main.c
%C%_replay_subscription_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_subscription
%C%_fuzz_subscription_SOURCES = $(FUZZ_SUBSCRIPTION_FILES)
%C%_fuzz_subscription_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_subscription_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += %D%/replay_values
%C%_replay_values_SOURCES = %D%/fuzz_values.c %D%/replay_main.c
%C%_replay_values_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_values
%C%_fuzz_values_SOURCES = %D%/fuzz_values.c
%C%_fuzz_values_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_values_LDFLAGS = $(FUZZ_LINK)
endif

FUZZ_SESSION_FILES = %D%/fuzz_session.c %D%/fuzz_client.c %D%/fuzz_world.c %D%/fuzz_world.h \
	%D%/fuzz_world_priv.h tests/unit/identity.c tests/unit/identity.h tests/unit/org_text.h
check_PROGRAMS += %D%/replay_session
%C%_replay_session_SOURCES = $(FUZZ_SESSION_FILES) %D%/replay_main.c
%C%_replay_session_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
if FUZZERS
noinst_PROGRAMS += %D%/fuzz_session
%C%_fuzz_session_SOURCES = $(FUZZ_SESSION_FILES)
%C%_fuzz_session_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
%C%_fuzz_session_LDFLAGS = $(FUZZ_LINK)
endif

check_PROGRAMS += tests/fuzz/replay_conversion
tests_fuzz_replay_conversion_SOURCES = tests/fuzz/fuzz_conversion.c tests/fuzz/replay_main.c
tests_fuzz_replay_conversion_LDADD = $(LIBHUB) $(LIBHUB_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_conversion
tests_fuzz_fuzz_conversion_SOURCES = tests/fuzz/fuzz_conversion.c
tests_fuzz_fuzz_conversion_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
tests_fuzz_fuzz_conversion_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif

check_PROGRAMS += tests/fuzz/replay_pickup
tests_fuzz_replay_pickup_SOURCES = tests/fuzz/fuzz_pickup.c tests/fuzz/replay_main.c
tests_fuzz_replay_pickup_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_pickup
tests_fuzz_fuzz_pickup_SOURCES = tests/fuzz/fuzz_pickup.c
tests_fuzz_fuzz_pickup_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS)
tests_fuzz_fuzz_pickup_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
