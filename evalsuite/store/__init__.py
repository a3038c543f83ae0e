"""What is on disk and who may write it: journals, manifests, locks, the record of who added which answers."""
