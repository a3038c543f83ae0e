"""The answers beside the report: what was asked, what was answered, and how it was judged, one problem at a time."""
