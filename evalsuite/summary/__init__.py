"""The second pass: from all_experiments_results.json of each model to statistics, comparisons and tables."""
