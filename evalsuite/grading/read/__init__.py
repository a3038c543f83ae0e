"""Read answers: from text to tokens to trees, and the value of a tree."""
