"""The pure core: `decide(facts, policy, ruleset)`. Values in, a verdict out; no file, no socket, no clock."""
