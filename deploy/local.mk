# What shows and sets up the programs.
EXTRA_DIST += %D%/quickstart %D%/install-packages %D%/build %D%/packages \
	%D%/demo/processes.sh %D%/demo/follow.awk %D%/demo/organization.ldif.in \
	%D%/demo/partner.ldif.in %D%/demo/hubd.conf.in %D%/demo/dovecot.conf.in \
	%D%/demo/edgesyncd.conf.in %D%/demo/edge.ldif.in %D%/demo/use.in \
	%D%/lab %D%/lab.1 %D%/organizations/pair.ldif %D%/organizations/chain.ldif \
	%D%/organizations/edge.ldif \
	%D%/hublab/__init__.py %D%/hublab/building.py %D%/hublab/commands.py \
	%D%/hublab/errors.py %D%/hublab/keys.py %D%/hublab/ldif.py %D%/hublab/network.py \
	%D%/hublab/organization.py %D%/hublab/perimeter.py %D%/hublab/processes.py \
	%D%/hublab/services.py %D%/hublab/state.py \
	%D%/hublab/subscription.py %D%/hublab/wire.py

# Both stand below the prefix, where systemd looks if that is /usr or /usr/local.
systemdunitdir = $(prefix)/lib/systemd/system
systemdunit_DATA = %D%/systemd/hubd.service %D%/systemd/edgesyncd.service
sysusersdir = $(prefix)/lib/sysusers.d
dist_sysusers_DATA = %D%/systemd/hub-transport.conf
EXTRA_DIST += %D%/systemd/hubd.service.in %D%/systemd/edgesyncd.service.in
CLEANFILES += $(systemdunit_DATA)
MAKE_UNIT = $(AM_V_GEN)$(MKDIR_P) %D%/systemd && sed -e 's|@sbindir[@]|$(sbindir)|' \
	-e 's|@sysconfdir[@]|$(sysconfdir)|'
%D%/systemd/hubd.service: %D%/systemd/hubd.service.in Makefile
	$(MAKE_UNIT) $(srcdir)/%D%/systemd/hubd.service.in > $@
%D%/systemd/edgesyncd.service: %D%/systemd/edgesyncd.service.in Makefile
	$(MAKE_UNIT) $(srcdir)/%D%/systemd/edgesyncd.service.in > $@
