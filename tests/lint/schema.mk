# the tables of libhub/org against ldap-schema/
check_PROGRAMS += tests/lint/schema_tables
tests_lint_schema_tables_SOURCES = tests/lint/schema_tables.c
tests_lint_schema_tables_LDADD = $(LIBHUB) $(LIBHUB_LIBS)
