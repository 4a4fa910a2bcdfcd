"""The commands of the command line, a room each: what they take, what they print, and nothing that decides."""
