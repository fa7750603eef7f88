"""Taking over what other tools keep: DVC repositories and MLflow stores."""
