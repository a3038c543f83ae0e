"""From command-line flags to a sweep: every mistake a user can make is found here, before a model is loaded."""
