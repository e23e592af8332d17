# a second implementation of routing, to compare with; tests/system/test_oracle.py runs it
noinst_PROGRAMS += tests/oracle/driver
tests_oracle_driver_SOURCES = tests/oracle/driver.c
tests_oracle_driver_LDADD = $(LIBCTL) $(LIBHUB) $(LIBHUB_LIBS) $(CURL_LIBS) -lm
EXTRA_DIST += tests/oracle/__init__.py tests/oracle/campaign.py tests/oracle/generate.py \
	tests/oracle/model.py tests/oracle/oracle.py
