"""What lies in an output folder, what of it nothing rests on any more, and removing that."""
