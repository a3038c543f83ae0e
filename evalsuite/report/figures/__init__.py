"""figures/: the page's charts for papers, one column wide, as PDF with its fonts inside and as PNG."""

from evalsuite.report.figures.write import write_figures

__all__ = ["write_figures"]
