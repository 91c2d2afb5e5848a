"""Where the values come from that the core decides with: configuration, rules, labels; and where decisions go."""
