"""The command line: one small file per subcommand, which parses, calls the library and tells."""
