"""Parquet to CSV: every value kept, in bounded memory, on all cores.

tree.py     finds the files, skips those that are up to date, converts several in parallel
workers.py  worker processes, any of which may die without losing the others' work
file.py     one file: read batches, format them on threads, write, rename
reading.py  batches of bounded size, whatever the file's row groups (spool.py: columns with very large pages)
columns.py  maps a parquet schema to CSV columns
values.py   formats a column of a batch as cells; nested values become JSON
"""
