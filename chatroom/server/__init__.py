"""The server's side: a door, connections, a hub of rooms and people, and a store. Knows nothing of clients' screens."""
