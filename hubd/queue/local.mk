hubd_libhubd_a_SOURCES += \
	%D%/admin.h \
	%D%/queue.h
