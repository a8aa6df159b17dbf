"""Which histology explains which image, organ by organ: tables as data, read strictly, with three-valued rules."""

from pellucid.knowledge.concordance.loader import list_tables, load_table, load_table_file
from pellucid.knowledge.concordance.table import Table

__all__ = ["Table", "list_tables", "load_table", "load_table_file"]
