"""The label bureau: a server that says which labels a URL has, in PICS and in JSON. It keeps no log of queries."""
