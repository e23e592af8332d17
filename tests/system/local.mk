# tests with real servers, and checks of the sources; tests/run runs them
EXTRA_DIST += .ci/run tests/run tests/lint/attributes.txt tests/lint/proofs.py \
	tests/SEEDS

# every module and script, so that a new one need not be listed
dist-hook:
	cd $(srcdir) && { find tests/system -name '*.py' -o -name '*.js' -o -name '*.c'; \
		find tests/lint -type f -perm -u+x ! -name schema_tables; } | \
		while read -r file; do \
			$(MKDIR_P) "$(abs_builddir)/$(distdir)/$${file%/*}" && \
			cp -p "$$file" "$(abs_builddir)/$(distdir)/$$file" || exit 1; \
		done
