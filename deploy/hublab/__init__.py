"""A lab: the hosts of one organization on one machine, each in a network namespace of its own.

deploy/lab is the command. ldif and organization read what shall be there, network makes it
reachable, services says what runs on each host, processes starts and ends it, state remembers it.
"""
