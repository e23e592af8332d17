# follow.awk: what the event logs of the hubs tell of one message, a line a step.
#
# usage: awk -v message_id=ID -f follow.awk HUB.log...
# Output, tab-separated: time, "HUB EVENT" and a sentence. Ids are a server's own, so each log is
# read for its "received" lines with that Message-ID and then for what became of those ids.

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

function tell(event, text)
{
	printf "%s\t%s %s\t%-8s %-9s %s\n", field("time"), hub, event, hub, event, text
}

FNR == 1 {
	hub = FILENAME
	sub(/\.log$/, "", hub)
}

/ event=received / && field("message_id") == message_id {
	mine[hub, field("message")] = 1
	tell("received", "from " field("helo") " through connector \"" field("connector") "\"")
}

/ event=(relayed|delivered|deferred|failed) / && ((hub, field("message")) in mine) {
	tls = field("tls")
	tell(field("event"), "to " field("hop") (tls == "" ? "" : " over " tls) ", queue " \
		field("queue") ": " field("reply"))
}
