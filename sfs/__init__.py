"""SFS: one filtering policy, enforced wherever traffic passes."""

__version__ = "4.0.0.dev1"
