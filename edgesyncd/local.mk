# edgesyncd: what brings edges into step; all but its main() is a library, for the tests
noinst_LIBRARIES += %D%/libedgesyncd.a
edgesyncd_libedgesyncd_a_SOURCES =
LIBEDGESYNCD = edgesyncd/libedgesyncd.a

include edgesyncd/push.mk
