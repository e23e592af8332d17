# tests with real servers; tests/run runs them
EXTRA_DIST += .ci/run tests/run tests/system/__init__.py tests/system/run.py \
	tests/system/harness/__init__.py tests/system/harness/base.py \
	tests/system/harness/directory.py tests/system/harness/hub.py \
	tests/system/harness/keys.py tests/system/harness/organization.py \
	tests/system/harness/peers.py \
	tests/system/test_directory_outage.py tests/system/test_hubctl.py \
	tests/system/test_kill.py tests/system/test_live_changes.py \
	tests/system/test_mail_flow.py tests/system/test_quickstart.py tests/system/test_readme.py
