# bash completion for hubctl: nouns, verbs, options and their values come from hubctl itself, names
# of objects from the directory that the command line, or the settings, tell of

# Lines of standard input that begin with the word, quoted for the shell, into COMPREPLY.
_hubctl_offer()
{
	local typed=$1 line

	typed=${typed//\\/}
	typed=${typed#[\"\']}
	COMPREPLY=()
	while IFS= read -r line; do
		[ -n "$line" ] && [ "${line#"$typed"}" != "$line" -o -z "$typed" ] || continue
		COMPREPLY+=("$(printf '%q' "$line")")
	done
}

# Names of all objects of the noun; Receive connectors with their server.
_hubctl_names()
{
	local noun=$1

	shift
	hubctl "$@" -o json "$noun" list 2>/dev/null </dev/null | awk -F '"' '
		/^    "name": / { name = $4; server = "" }
		/^    "server": / { server = $4 "/" }
		/^  }/ { print server name }'
}

_hubctl()
{
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local noun='' verb='' i nouns help line options global=()

	COMPREPLY=()
	options="-o -f -D -y -Y --server --directory --base --recipient-base --control --what-if
		--force --ca --client-certificate --client-key --help"
	nouns=$(hubctl --help 2>/dev/null | sed -n '/^nouns:/,$s/^  //p')
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [ -n "$noun" ] && [ -z "$verb" ]; then
			verb=${COMP_WORDS[i]}
		elif [ -z "$noun" ] && grep -qxF -- "${COMP_WORDS[i]}" <<<"$nouns"; then
			noun=${COMP_WORDS[i]}
		elif [ -z "$noun" ]; then
			global+=("${COMP_WORDS[i]//\\/}")
		fi
	done
	case $previous in
	-f | -y | --control | --ca | --client-certificate | --client-key | --batch | --ldif | what-if | \
		check | import)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	-o | --output) _hubctl_offer "$word" <<<$'table\nwide\njson\nldif'; return ;;
	--format) _hubctl_offer "$word" <<<$'text\ndot\nsvg'; return ;;
	-Y) _hubctl_offer "$word" <<<EXTERNAL; return ;;
	--server | --from)
		[ "$previous" = --from ] || [ -n "$noun" ] || unset 'global[-1]'
		_hubctl_offer "$word" < <(_hubctl_names server "${global[@]}")
		return
		;;
	esac
	if [ -z "$noun" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$nouns $options" -- "$word")
		return
	fi
	help=$(hubctl "$noun" --help 2>/dev/null)
	if [ -z "$verb" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(sed -n "s/^hubctl $noun \([a-z-]*\).*/\1/p" \
			<<<"$help")" -- "$word")
		return
	fi
	line=${previous#--}
	line=${line#add-}
	line=${line#remove-}
	line=$(grep -e "^  --$line " <<<"$help" | head -n 1)
	case $previous:$line in
	--*'<'*'>'*)
		line=${line#*<}
		_hubctl_offer "$word" < <(_hubctl_names "${line%%>*}" "${global[@]}")
		;;
	--*' FILE'*) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	--*'|'*)
		line=${line#  --* }
		_hubctl_offer "$word" < <(tr '|' '\n' <<<"${line% ...}")
		;;
	*)
		_hubctl_words "$word" "$noun" "$verb" "$help" "${global[@]}"
		;;
	esac
}

# Options of the verb, from the help of its noun on standard input: those below the verb itself, or
# what objects of the class have.
_hubctl_options()
{
	awk -v verb="$2" -v head="hubctl $1 $2" '
		/^hubctl / { on = index($0 " ", head " ") == 1; class = 0 }
		/^options of / { on = class = index($0, " " verb " ") > 0 }
		on && /^  --/ {
			print $1
			if (!class || verb != "set")
				next
			name = substr($1, 3)
			print "--no-" name
			if (/[.][.][.]$/)
				print "--add-" name " --remove-" name
		}'
}

# A name or an option of the verb.
_hubctl_words()
{
	local word=$1 noun=$2 verb=$3 help=$4 own

	shift 4
	case $word:$verb in
	-*:*)
		own=$(_hubctl_options "$noun" "$verb" <<<"$help")
		mapfile -t COMPREPLY < <(compgen -W "$own --what-if --force --server --help" -- "$word")
		;;
	*:test | *:start)
		[ "$noun" != edge-sync ] ||
			_hubctl_offer "$word" < <(_hubctl_names edge-subscription "$@")
		;;
	*:set | *:get | *:remove | *:enable | *:disable)
		_hubctl_offer "$word" < <(_hubctl_names "$noun" "$@")
		;;
	esac
}
complete -F _hubctl hubctl
