"""What guests may reach: who came by a link sees its studies by these routes, and nothing else is there for them."""

# Looking at the studies of the link.
LOOK = frozenset(
    {
        "dicomweb.retrieve_metadata", "dicomweb.retrieve_instance_metadata", "dicomweb.retrieve_bulkdata",
        "dicomweb.retrieve_frames", "dicomweb.retrieve_frame_preview", "dicomweb.retrieve_frame_thumbnail",
        "dicomweb.retrieve_instance_thumbnail", "dicomweb.retrieve_thumbnail", "dicomweb.retrieve_rendered_instance",
        "dicomweb.retrieve_rendered_frames", "dicomweb.retrieve_series_frames", "dicomweb.retrieve_series_previews",
        "dicomweb.retrieve_opening", "dicomweb.search_series", "dicomweb.search_instances", "worklist.study",
        "changing.events", "changing.changes", "session.session", "guests.here", "guests.leave",
        "live.on_study", "live.one_room", "live.ticket", "live.socket", "sound.keep",
    }
)  # fmt: skip
# Taking them along, when the link says so.
TAKE = frozenset(
    {"dicomweb.retrieve_study", "dicomweb.retrieve_instance", "dicomweb.retrieve_instance_pixel_data",
     "dicomweb.retrieve_pixel_data", "guests.download"}
)  # fmt: skip

UNKEPT = "private, no-store"
"""What guests have seen is not to lie on their disk when the link is over."""

FRAMES, RENDERED = "dicomweb.retrieve_frames", "dicomweb.retrieve_rendered_frames"
"""The routes that have a short way before the application."""


def may(route: str, *, download: bool) -> bool:
    """Whether a guest may ask this route."""
    return route in LOOK or (download and route in TAKE)
