"""From an answer's text to an expression tree, and from a tree to numbers."""
