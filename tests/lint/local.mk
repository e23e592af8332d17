# checks of the sources themselves
include tests/lint/schema.mk
EXTRA_DIST += tests/lint/distribution tests/lint/headers tests/lint/includes tests/lint/manuals \
	tests/lint/readme tests/lint/shell
