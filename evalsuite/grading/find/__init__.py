"""Where in a response the answer stands."""
