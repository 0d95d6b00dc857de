"""Rooms as they happen: sockets, the order of what is said, and what need not be kept.

`server` is the process; a web worker hands it sockets (`handover`). A `connection` speaks WebSocket, a `room` knows who
is there, `rules` say who may do what, `states` carry pointers and viewports, `writing` keeps events before anybody is
told. docs/live.md is the protocol.
"""
