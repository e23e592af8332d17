# hub-validator; all but its main() is a library, for the tests
noinst_LIBRARIES += %D%/libvalidator.a
LIBVALIDATOR = tools/validator/libvalidator.a
tools_validator_libvalidator_a_SOURCES = \
	%D%/apply.c %D%/apply.h \
	%D%/judge.c %D%/judge.h \
	%D%/pending.c %D%/pending.h \
	%D%/request.c %D%/request.h \
	%D%/server.c %D%/server.h \
	%D%/view.c %D%/view.h

sbin_PROGRAMS += tools/hub-validator
tools_hub_validator_SOURCES = %D%/main.c tools/option_text.c tools/option_text.h
dist_man_MANS += tools/hub-validator.8
tools_hub_validator_LDADD = $(LIBVALIDATOR) $(LIBHUB) $(LIBHUB_LIBS) $(SYSTEMD_LIBS)
