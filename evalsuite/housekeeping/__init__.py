"""Shows what an output folder contains, and deletes or compresses the files that no result needs any more."""
