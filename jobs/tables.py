"""Tables as a terminal of any width shows them: what is too long for its column goes on in the next line."""

from typing import Any

from rich.table import Table as RichTable


class Table(RichTable):
    """rich's table, which by itself cuts a long word, a name or the end of a number off with an ellipsis."""

    def add_column(self, header: Any = "", *args: Any, overflow: Any = "fold", **options: Any) -> None:
        """As rich does, but nothing is cut off."""
        super().add_column(header, *args, overflow=overflow, **options)
