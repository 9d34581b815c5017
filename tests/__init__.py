"""The tests, by floor: this folder has those of the lower floors, `server` and `client` those of whole processes."""
