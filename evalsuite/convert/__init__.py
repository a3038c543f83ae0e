"""Parquet to CSV: every value kept, in bounded memory, on all cores.

tree.py     which files, which are up to date, several at once
file.py     one file: read batches, format them on threads, write, rename
reading.py  batches of rows, small however the file was written (pages.py reads page headers, spool.py splits big ones)
columns.py  which CSV columns a parquet schema becomes
rows.py     a batch -> the bytes of its lines
cells.py    a column of a batch -> its cells, nested values as JSON (scalars.py: numbers, times, bytes)
"""
