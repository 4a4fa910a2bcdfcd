"""This project's stacks: greensage's, and what the team wants of each."""
