"""From a complete series to what its destinations get, in a process of its own."""
