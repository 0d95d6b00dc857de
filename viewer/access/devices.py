"""One's own sessions: where one is signed in, and ending that. /api/sessions."""

from flask import Blueprint, Response, jsonify

from storage.errors import NotFound, NotPermitted
from storage.index import accounts as store
from viewer.access.guard import Guard, acts

SHOWN = 16  # so much of a session's id names it; the id is the hash of the cookie's secret


def blueprint(guard: Guard) -> Blueprint:
    """List, end one, end all others."""
    routes = Blueprint("devices", __name__, url_prefix="/api/sessions")

    def user_id() -> int:
        user = guard.caller().user
        if user is None:
            raise NotPermitted("only people have sessions")
        return user.id

    @routes.get("")
    @guard.signed_in
    def own() -> Response:
        with guard.database.reading() as db:
            found = store.sessions(db, user_id())
        here = guard.caller().session_id
        return jsonify(
            sessions=[
                {
                    "id": one.id[:SHOWN],
                    "here": one.id == here,
                    "created_at": one.created_at,
                    "seen_at": one.seen_at,
                    "address": one.address,
                    "agent": one.agent,
                }
                for one in found
                if guard.sessions.stands(one)
            ]
        )

    @routes.delete("")
    @guard.signed_in
    @acts("session.end")
    def end_others() -> Response:
        with guard.database.writing() as db:
            ended = store.end_sessions(db, user_id(), keep=guard.caller().session_id)
            guard.sessions.record(db, guard.caller().user, "session.end", "others", sessions=ended)
        return Response(status=204)

    @routes.delete("/<session>")
    @guard.signed_in
    @acts("session.end")
    def end(session: str) -> Response:
        with guard.database.writing() as db:
            for one in store.sessions(db, user_id()):
                if one.id[:SHOWN] == session:
                    store.end_session(db, one.id)
                    guard.sessions.record(db, guard.caller().user, "session.end", one.id[:SHOWN])
                    return Response(status=204)
        raise NotFound(f"there is no session {session[:SHOWN]!r}")

    return routes
