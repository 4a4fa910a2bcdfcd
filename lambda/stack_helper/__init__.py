"""The function behind greensage's custom resources."""
