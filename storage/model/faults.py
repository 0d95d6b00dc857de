"""What can be wrong with the audit log and its anchors: as facts for a page in any language, and as a sentence."""

from dataclasses import dataclass

SENTENCES = {
    "forged": "{count} anchors, the first of record {record}, were not signed with the key of this installation",
    "unsigned": "{count} anchors after the first signed one, as of record {record}, are not signed",
    "note": "what is noted beside the key about the newest anchor was not signed with it",
    "missing": "signed anchors are missing: number {anchor} to {last}",
    "twice": "record {record} was written down twice, differently",
    "broken": "when record {record} was written down, the log did not continue what was written down before",
    "cut": "the log ends with record {last}, record {record} was written down elsewhere",
    "garbage": "what follows record {last} is no record",
    "gap": "record {last} is followed by record {record}",
    "unlinked": "record {record} does not follow the one before it",
    "altered": "record {record} was altered",
    "other": "record {record} is not the one that was written down elsewhere",
    "line": "line {count} does not belong here",
    "unfinished": "the export does not say where it ends: something is missing",
    "elsewhere": "the export ends elsewhere than it says",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its kind, a key of SENTENCES, and what that tells of; 0 where it tells of none. `record` is the first
    record concerned, `anchor` the number of the first anchor, `last` the end of a range, `count` how many."""

    kind: str
    record: int = 0
    anchor: int = 0
    last: int = 0
    count: int = 0

    def __str__(self) -> str:
        facts = {"record": self.record, "anchor": self.anchor, "last": self.last, "count": self.count}
        return SENTENCES[self.kind].format(**facts)
