"""A page of the worklist: what is asked and what is answered."""

from dataclasses import dataclass, field

from storage.model.archive import Study

SORTS = ("received_at", "study_date", "patient_name")
COUNT_CAP = 10_000  # beyond this many the total is only known to be at least so many


@dataclass(frozen=True, slots=True)
class WorklistFilter:
    """Which studies, in which order, and how many of them.

    Every word of `search` must begin a word of the patient's name, the Patient ID, the Accession Number or the Study
    Description, without regard to case, accents and order. `sort` is one of SORTS, with a ``-`` before it for
    descending. `after` is the `next` of the page before.
    """

    search: str = ""
    date_from: int | None = None  # yyyymmdd, inclusive
    date_to: int | None = None
    modalities: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    hospital_codes: tuple[str, ...] = ()
    sort: str = "-received_at"
    after: str = ""
    limit: int = 50
    with_facets: bool = True  # the total and the facets; without them total is -1


@dataclass(frozen=True, slots=True)
class Facets:
    """How many studies each choice would give, all other filters being as they are. Counted up to COUNT_CAP."""

    modality: dict[str, int] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    hospital: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorklistPage:
    """One page. `total` never exceeds COUNT_CAP; `next` is "" on the last page."""

    studies: tuple[Study, ...]
    next: str
    total: int
    facets: Facets
