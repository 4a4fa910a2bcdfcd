"""Code beside a model, to be packed."""
