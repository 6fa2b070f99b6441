"""Questions put to the models: verification against published figures, plans."""
