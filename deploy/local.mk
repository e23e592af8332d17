# What shows and sets up the programs; nothing here is built.
EXTRA_DIST += %D%/quickstart %D%/install-packages %D%/build %D%/packages \
	%D%/demo/processes.sh %D%/demo/follow.awk %D%/demo/organization.ldif.in \
	%D%/demo/partner.ldif.in %D%/demo/hubd.conf.in %D%/demo/dovecot.conf.in \
	%D%/demo/use.in
