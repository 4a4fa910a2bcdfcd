"""What every construct builds with: names, roles, metrics, state machines, the stack's helper, checks of props."""
