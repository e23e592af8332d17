# How edges are reached, and who may write to them.
edgesyncd_libedgesyncd_a_SOURCES += \
	%D%/account_plan.c %D%/account_plan.h \
	%D%/accounts.c %D%/accounts.h \
	%D%/belonging.c %D%/belonging.h \
	%D%/clearing.c %D%/clearing.h \
	%D%/edge_state.c %D%/edge_state.h \
	%D%/home.c %D%/home.h \
	%D%/lease.c %D%/lease.h \
	%D%/lease_keeper.c %D%/lease_keeper.h \
	%D%/reach.c %D%/reach.h \
	%D%/sealed.c %D%/sealed.h \
	%D%/target.c %D%/target.h %D%/target_impl.h \
	%D%/target_asked.c \
	%D%/target_said.c \
	%D%/targets.c %D%/targets.h
