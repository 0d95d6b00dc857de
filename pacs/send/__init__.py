"""What goes out to peers: C-ECHO and C-STORE as SCU. Stored bytes travel as they are; nothing is held whole."""
