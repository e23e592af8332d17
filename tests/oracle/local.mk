# a second implementation of routing, to compare with; tests/system/test_oracle.py runs it
noinst_PROGRAMS += tests/oracle/driver tests/oracle/what_if_driver
tests_oracle_driver_SOURCES = tests/oracle/driver.c
tests_oracle_driver_LDADD = $(LIBCTL) $(LIBHUB) $(LIBHUB_LIBS) $(CURL_LIBS) -lm
tests_oracle_what_if_driver_SOURCES = tests/oracle/what_if_driver.c
tests_oracle_what_if_driver_LDADD = $(LIBCTL) $(LIBHUB) $(LIBHUB_LIBS) $(CURL_LIBS) -lm
EXTRA_DIST += tests/oracle/__init__.py tests/oracle/campaign.py tests/oracle/changes.py \
	tests/oracle/generate.py tests/oracle/model.py tests/oracle/oracle.py
