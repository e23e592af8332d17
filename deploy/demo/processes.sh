# shellcheck shell=bash
# Processes of the demonstration. Each has a line "PID START NAME" in $dir/processes, START being
# the kernel's start time ("-": it had ended already), so that nothing but what was started here is
# ever ended.
: "${dir:=}"

# start_time PID: nothing if there is no such process, or it has ended.
start_time()
{
	local stat

	read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
	# the name in brackets may hold anything; state is field 1 behind it, the time field 20
	read -r -a stat <<<"${stat##*) }"
	[ "${stat[0]}" = Z ] || echo "${stat[19]}"
}

# start NAME COMMAND...: in the background, output in NAME.log.
start()
{
	local name=$1 pid started

	shift
	setsid "$@" </dev/null >>"$dir/log/$name.log" 2>&1 &
	pid=$!
	started=$(start_time "$pid")
	echo "$pid ${started:--} $name" >>"$dir/processes"
}

# running PID START
running()
{
	[ -n "$2" ] && [ "$(start_time "$1")" = "$2" ]
}

# Says which process has ended, if one has.
check_processes()
{
	local pid started name

	while read -r pid started name; do
		running "$pid" "$started" || fail "$name has ended" "$name"
	done <"$dir/processes"
}

# signal_processes SIGNAL: to all that still run, last started first.
signal_processes()
{
	local pid started name

	while read -r pid started name; do
		running "$pid" "$started" && kill -s "$1" "$pid" 2>/dev/null
	done < <(tac "$dir/processes" 2>/dev/null)
	return 0
}

any_process()
{
	local pid started name

	while read -r pid started name; do
		running "$pid" "$started" && return 0
	done <"$dir/processes"
	return 1
}

# Ends all: by SIGTERM, and what is left after 35 s by SIGKILL.
stop_processes()
{
	[ -e "$dir/processes" ] || return 0
	signal_processes TERM
	if ! wait_until 35 no_process; then
		signal_processes KILL
		wait_until 5 no_process || true
	fi
}

no_process()
{
	! any_process
}

# wait_until SECONDS COMMAND...: asks until the command succeeds.
wait_until()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}
