"""The pages of an administrator: a server in its own thread, never on the proxy's loop. Needs the extra `admin`."""
