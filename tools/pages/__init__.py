"""The generated pages of docs/: `python -m tools.pages.docs` writes them again."""
