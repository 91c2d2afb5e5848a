"""PICS label lists, the SafetyOnline2 scale and the labels a page carries about itself. No I/O, no clock."""
