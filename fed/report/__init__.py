"""What a run looks like to a reader: `report.html`, and a table in the terminal."""

from fed.report.gallery import Sample
from fed.report.page import write_report
from fed.report.terminal import terminal_table

__all__ = ["Sample", "terminal_table", "write_report"]
