"""Questions put to the models, a room each."""
