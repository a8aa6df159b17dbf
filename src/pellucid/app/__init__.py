"""The two faces of Pellucid: the command line and, later, the reading room."""
