libhub_libhub_a_SOURCES += \
	%D%/attr.h \
	%D%/buckets.c %D%/buckets.h \
	%D%/bucket_cache.c %D%/bucket_cache.h \
	%D%/build.c \
	%D%/builder.c %D%/builder.h %D%/builder_impl.h \
	%D%/builder_ldif.c \
	%D%/class.c \
	%D%/connector.h \
	%D%/decode.c %D%/decode.h \
	%D%/dn.c %D%/dn.h \
	%D%/domain.c %D%/domain.h \
	%D%/edge_layout.c %D%/edge_layout.h \
	%D%/edge_subscription.c \
	%D%/fingerprint.c %D%/fingerprint.h \
	%D%/guard.c %D%/guard.h \
	%D%/hash.h \
	%D%/hashed.c %D%/hashed.h \
	%D%/homes.c %D%/homes.h \
	%D%/mirror.c %D%/mirror.h \
	%D%/object.h \
	%D%/organization.c \
	%D%/permission.c \
	%D%/plus.c \
	%D%/pool.c \
	%D%/pool_connector.c \
	%D%/print.c %D%/print.h \
	%D%/receive_connector.c \
	%D%/receive_advice.c %D%/receive_advice.h \
	%D%/receive_sharing.c %D%/receive_sharing.h \
	%D%/id_index.c %D%/id_index.h \
	%D%/intern.c %D%/intern.h \
	%D%/people.c %D%/people.h \
	%D%/recipients.c %D%/recipients.h \
	%D%/recipients_codec.c %D%/recipients_codec.h \
	%D%/recipients_decode.c %D%/recipients_decode.h \
	%D%/recipients_file.c %D%/recipients_file.h %D%/recipients_file_impl.h \
	%D%/recipients_load.c \
	%D%/roster.c %D%/roster.h %D%/roster_impl.h \
	%D%/roster_pack.c \
	%D%/record.c %D%/record.h \
	%D%/replica_digest.c %D%/replica_digest.h \
	%D%/replica_marker.c %D%/replica_marker.h \
	%D%/replica.c %D%/replica.h %D%/replica_impl.h \
	%D%/replica_hashes.c \
	%D%/routing_group.c \
	%D%/second_look.c %D%/second_look.h \
	%D%/send_advice.c %D%/send_advice.h \
	%D%/send_connector.c \
	%D%/server.c \
	%D%/site.c \
	%D%/snapshot.c %D%/snapshot.h %D%/snapshot_impl.h \
	%D%/topology.h \
	%D%/trial.c %D%/trial.h %D%/trial_impl.h \
	%D%/trial_build.c \
	%D%/trial_edit.c \
	%D%/trial_refusal.c \
	%D%/value.h \
	%D%/value_address.c \
	%D%/value_name.c \
	%D%/value_space.c \
	%D%/x400.c %D%/x400.h
