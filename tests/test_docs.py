"""What is committed below docs is what the database says."""

from docs.generate import generate, stale


def test_the_generated_files_are_what_the_database_says(database_url: str) -> None:
    files = generate(database_url)
    assert {path: path.read_text("utf-8") for path in files} == files
    assert stale(files) == set()
