"""Other shops' history as archives."""

from training.importers.import_file import ImportReport, import_file

__all__ = ["ImportReport", "import_file"]
