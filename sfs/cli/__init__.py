"""The command `sfs`: one file a command; main.py wires them."""
