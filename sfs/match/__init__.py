"""What list lines and words mean, and fast ways to find them, each beside a plain twin. No I/O."""
