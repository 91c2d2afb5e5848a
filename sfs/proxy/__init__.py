"""The proxy: mitmproxy hooks turned into facts, verdicts turned into answers."""
