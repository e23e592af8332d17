# Schema, access rules and the maker of directories: data and scripts, installed together.

dist_pkgdata_DATA = %D%/hub-transport.schema %D%/authpassword.schema \
	%D%/constraints %D%/constraints.awk \
	%D%/access %D%/access-edge
dist_pkgdata_SCRIPTS = %D%/new-directory %D%/schema2ldif
nodist_pkgdata_DATA = %D%/hub-transport.ldif
dist_man_MANS += %D%/hub-directory.7
EXTRA_DIST += %D%/README tests/system/private_slapd.py tests/system/test_schema.py \
	tests/system/test_access.py tests/system/test_new_directory.py
CLEANFILES += %D%/hub-transport.ldif

%D%/hub-transport.ldif: $(srcdir)/%D%/hub-transport.schema $(srcdir)/%D%/schema2ldif
	$(AM_V_GEN)$(MKDIR_P) %D% && $(srcdir)/%D%/schema2ldif $(srcdir)/%D%/hub-transport.schema \
		>$@.tmp && mv $@.tmp $@
