"""lighteval's own pipeline over an experiment's journal, in worker processes; nothing here imports the sweep."""
