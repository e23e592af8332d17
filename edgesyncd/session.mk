# How edges are reached, and who may write to them.
edgesyncd_libedgesyncd_a_SOURCES += \
	%D%/edge_time.c %D%/edge_time.h \
	%D%/lease.c %D%/lease.h \
	%D%/targets.h
