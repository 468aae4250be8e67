"""The committed reference page is the one that the database's comments make."""

from docs.generate import PAGE, generate


def test_the_reference_page_is_what_the_database_says(database_url: str) -> None:
    assert PAGE.read_text("utf-8") == generate(database_url)
