"""Text as a reader or a browser understands it: URLs, charsets, folded text. No I/O."""
