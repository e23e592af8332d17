hubd_libhubd_a_SOURCES += \
	%D%/file_header.c %D%/file_header.h %D%/file_header_priv.h \
	%D%/file_name.c \
	%D%/pickup.c %D%/pickup.h %D%/pickup_priv.h \
	%D%/pickup_content.c \
	%D%/pickup_end.c \
	%D%/pickup_file.c %D%/pickup_file_priv.h \
	%D%/pickup_folder.c \
	%D%/pickup_header.c \
	%D%/pickup_look.c \
	%D%/replay_header.c
