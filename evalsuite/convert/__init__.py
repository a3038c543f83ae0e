"""Parquet to CSV without losing a value: streamed in batches, formatted by Arrow's string kernels."""
