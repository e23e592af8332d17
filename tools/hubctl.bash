# bash completion for hubctl: nouns, verbs and options come from hubctl itself
_hubctl() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local noun='' verb='' i nouns help
	COMPREPLY=()
	case $previous in
	-f | -y | --control | --ca | --client-certificate | --client-key | --batch | --certificate | \
		--password-file | --ldif | what-if)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	-o | --output)
		mapfile -t COMPREPLY < <(compgen -W 'table wide json ldif' -- "$word")
		return
		;;
	--format)
		mapfile -t COMPREPLY < <(compgen -W 'text dot svg' -- "$word")
		return
		;;
	-Y)
		COMPREPLY=(EXTERNAL)
		return
		;;
	esac
	nouns=$(hubctl --help 2>/dev/null | sed -n '/^nouns:/,$s/^  //p')
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [ -n "$noun" ] && [ -z "$verb" ]; then
			verb=${COMP_WORDS[i]}
		elif [ -z "$noun" ] && grep -qxF -- "${COMP_WORDS[i]}" <<< "$nouns"; then
			noun=${COMP_WORDS[i]}
		fi
	done
	if [ -z "$noun" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$nouns -o -f -D -y -Y --server --directory --base \
			--recipient-base --control --what-if --force --help" -- "$word")
		return
	fi
	help=$(hubctl "$noun" --help 2>/dev/null)
	if [ -z "$verb" ]; then
		help=$(sed -n "s/^hubctl $noun \([a-z-]*\).*/\1/p" <<< "$help")
	else
		help=$(grep -o -- '--[a-z][a-z-]*' <<< "$help")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$help" -- "$word")
}
complete -F _hubctl hubctl
