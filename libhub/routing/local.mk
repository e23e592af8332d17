libhub_libhub_a_SOURCES += \
	%D%/backoff.c \
	%D%/base.c \
	%D%/candidates.c \
	%D%/change.c %D%/change.h %D%/change_side.h \
	%D%/choices.c \
	%D%/choose.c \
	%D%/explain.c \
	%D%/fan_out.c \
	%D%/graph.c %D%/graph.h \
	%D%/lists.c \
	%D%/next_hop.c %D%/next_hop.h \
	%D%/pair.c \
	%D%/resolve.c \
	%D%/route.h \
	%D%/spaces.c %D%/spaces.h \
	%D%/table.c %D%/table.h \
	%D%/trace.c %D%/trace.h \
	%D%/ways.c
dist_man_MANS += %D%/hub-routing.7
