# What is pushed to the edges.
edgesyncd_libedgesyncd_a_SOURCES += \
	%D%/pusher.h
