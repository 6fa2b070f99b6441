"""The families of variables: one module each, found by the registry by being here."""
