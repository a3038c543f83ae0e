"""Files of an experiment and who may write them: journals, manifests, locks, and the record of runs."""
