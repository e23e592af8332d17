"""What the system tests share: real servers on loopback, in one temporary directory each."""
