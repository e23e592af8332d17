# checks of the sources themselves
include tests/lint/schema.mk
