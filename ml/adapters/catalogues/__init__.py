"""Catalogues on disk in two layouts, regain's and Rakuten's: read in bounds, checked first."""

from ml.adapters.catalogues.catalogue import Catalogue, CheckedRows, Span, open_catalogue
from ml.adapters.catalogues.checks import CatalogueRow, Limits
from ml.adapters.catalogues.faults import Fault, InvalidCatalogue, write_faults

__all__ = [
    "Catalogue",
    "CatalogueRow",
    "CheckedRows",
    "Fault",
    "InvalidCatalogue",
    "Limits",
    "Span",
    "open_catalogue",
    "write_faults",
]
