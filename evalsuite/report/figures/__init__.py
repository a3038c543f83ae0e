"""The charts of the report for papers: figures/, one column wide, as PDF with embedded fonts and as PNG."""

from evalsuite.report.figures.write import write_figures

__all__ = ["write_figures"]
