# follow.awk: what the event logs of the hubs tell of one message, a line a step.
#
# usage: awk -v message_id=ID -f follow.awk HUB.log...
# Output, tab-separated: a key to sort by, "HUB EVENT", a sentence, and the kind of queue (none if it
# was refused before it came to one). Ids are a server's own, so each log is read for its "received"
# lines with that Message-ID and then for what became of those ids. A hub writes "relayed" after the
# next one wrote "received"; the key keeps a hub's lines together.

# The value of a field of a log line, unquoted; "" if there is none.
function field(name,	value)
{
	if (!match($0, "(^| )" name "=(\"([^\"\\\\]|\\\\.)*\"|[^ ]*)"))
		return ""
	value = substr($0, RSTART, RLENGTH)
	sub("^ ?" name "=", "", value)
	if (value ~ /^"/) {
		value = substr(value, 2, length(value) - 2)
		gsub(/\\"/, "\"", value)
	}
	return value
}

# Is it one of the servers whose logs these are? An edge knows hubs as hosts only.
function is_ours(hop,	i, name)
{
	for (i = 1; i < ARGC; i++) {
		name = ARGV[i]
		sub(/\.log$/, ".", name)
		if (index(hop, name) == 1)
			return 1
	}
	return 0
}

function tell(event, text, queue_type)
{
	printf "%s/%s\t%s %s\t%-8s %-9s %s\t%s\n", mine[hub, field("message")], field("time"),
		hub, event, hub, event, text, queue_type
}

FNR == 1 {
	hub = FILENAME
	sub(/\.log$/, "", hub)
}

/ event=received / && field("message_id") == message_id {
	mine[hub, field("message")] = field("time")
	tell("received", "from " field("helo") " through connector \"" field("connector") "\"", "")
}

/ event=(relayed|delivered|deferred|failed) / && ((hub, field("message")) in mine) {
	tls = field("tls")
	hop = field("hop")
	queue = field("queue")
	connector = queue
	sub(/.*\//, "", connector)
	sub(/\/.*/, "", queue)
	tell(field("event"), (hop == "" ? field("to") : "to " hop) (tls == "" ? "" : " over " tls) \
		(connector == "" ? "" : ", connector \"" connector "\"") ": " field("reply"),
		queue == "" ? "none" : is_ours(hop) ? "SmtpRelay" : queue)
}
