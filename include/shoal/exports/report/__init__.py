"""report.html: the summary for people."""
