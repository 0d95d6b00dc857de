"""The web side of live rooms: opening one, tickets, and the socket that is handed to the process of the rooms."""
