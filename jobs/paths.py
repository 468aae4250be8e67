"""Where the SQL lies: in the project's root when run from a checkout, inside the package when installed."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_sql"

SQL_ROOT = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent

MIGRATIONS = SQL_ROOT / "migrations"
SCHEMA = SQL_ROOT / "db" / "schema"
FUNCTIONS = SQL_ROOT / "db" / "functions"
VIEWS = SQL_ROOT / "db" / "views"
RUNBOOKS = SQL_ROOT / "db" / "runbooks"
DRILLS = SQL_ROOT / "db" / "drills"
EXAMPLES = SQL_ROOT / "examples"
