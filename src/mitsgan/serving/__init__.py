"""Pages that only this machine's user is to see, over HTTP."""
