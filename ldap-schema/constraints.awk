# constraints.awk: make the lines of slapo-constraint and slapo-unique from "constraints".
#
# awk -v tree=DN -v want=constraint|unique -f constraints.awk constraints
# tree is the DN of the organization's entry, as it stands in a URI (%20 for a space).
# slapd does not unescape \" reliably in such lines, so patterns contain neither \ nor ".

function fail(text)
{
	printf "constraints:%d: %s\n", FNR, text >"/dev/stderr"
	failed = 1
	exit 1
}

# Replaces every <NAME> by its definition; definitions were expanded when they were read.
function expand(text,    out, name)
{
	out = ""
	while (match(text, /<[A-Z][A-Z0-9]*>/)) {
		name = substr(text, RSTART + 1, RLENGTH - 2)
		if (!(name in piece))
			fail("<" name "> is not defined")
		out = out substr(text, 1, RSTART - 1) piece[name]
		text = substr(text, RSTART + RLENGTH)
	}
	return out text
}

function quote(text)
{
	if (text ~ /[\\"]/)
		fail("no backslashes and quotes in a pattern")
	return "\"" text "\""
}

function class_of(low, high)
{
	return low == high ? low : "[" low "-" high "]"
}

function digits(number)
{
	return number == 0 ? "" : number == 1 ? "[0-9]" : "[0-9]{" number "}"
}

function either(first, second)
{
	return first == "" ? second : second == "" ? first : first "|" second
}

# Pattern of the numbers from low to high, two strings of the same length: the first digit
# is low's with a rest from low's on, or in between with any rest, or high's with a rest up
# to high's.
function same_length(low, high,    n, a, b, out)
{
	n = length(low) - 1
	a = substr(low, 1, 1)
	b = substr(high, 1, 1)
	if (n == 0)
		return class_of(a, b)
	if (a == b)
		return a "(" same_length(substr(low, 2), substr(high, 2)) ")"
	out = ""
	if (substr(low, 2) !~ /^0*$/) {
		out = a "(" same_length(substr(low, 2), substr("99999999999999999999", 1, n)) ")"
		a++
	}
	if (substr(high, 2) ~ /^9*$/)
		return either(out, a <= b ? class_of(a, b) digits(n) : "")
	if (a <= b - 1)
		out = either(out, class_of(a, b - 1) digits(n))
	return either(out, b "(" same_length(substr("00000000000000000000", 1, n) "",
		substr(high, 2)) ")")
}

function range(low, high,    n, from, to, out)
{
	if (low !~ /^[0-9]+$/ || high !~ /^[0-9]+$/ || low + 0 > high + 0)
		fail("bad range")
	out = ""
	for (n = length(low); n <= length(high); n++) {
		from = n == length(low) ? low : "1" substr("00000000000000000000", 1, n - 1)
		to = n == length(high) ? high : substr("99999999999999999999", 1, n)
		out = either(out, same_length(from "", to ""))
	}
	return "^(" out ")$"
}

function container(first,    i, name)
{
	name = $first
	for (i = first + 1; i <= NF; i++)
		name = name "%20" $i
	return "cn=" name "," tree
}

function constraint(kind, value)
{
	if (want == "constraint")
		print "olcConstraintAttribute: " attribute " " kind " " value restrict
}

/^#/ || NF == 0 { next }

{
	if (NF < 3)
		fail("too few words")
	rest = $0
	sub(/^[^ ]+ [^ ]+ /, "", rest)
	attribute = $2
	restrict = ""
	if (match(attribute, /\[.*\]$/)) {
		restrict = " restrict=\"ldap:///" tree "??sub?(objectClass=" \
			substr(attribute, RSTART + 1, RLENGTH - 2) ")\""
		attribute = substr(attribute, 1, RSTART - 1)
	}
}

$1 == "define" { piece[$2] = expand(rest); next }
$1 == "range" { constraint("regex", quote(range($3, $4))); next }
$1 == "enum" { gsub(/ +/, "|", rest); constraint("regex", quote("^(" rest ")$")); next }
$1 == "pattern" { constraint("regex", quote("^" expand(rest) "$")); next }
$1 == "refuse" { constraint("negregex", quote(expand(rest))); next }
$1 == "size" || $1 == "count" { constraint($1, $3); next }
$1 == "ref" {
	constraint("uri", quote("ldap:///" container(4) "?entryDN?sub?(objectClass=" $3 ")"))
	next
}
$1 == "unique" {
	if (want == "unique")
		print "olcUniqueURI: serialize ldap:///" container(4) "?" $2 "?one?(objectClass=" $3 ")"
	next
}
{ fail("unknown word \"" $1 "\"") }
