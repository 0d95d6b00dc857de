"""Anonymised copies: PS3.15 Annex E, Basic Application Level Confidentiality Profile with Clean Descriptors and Clean
Graphics."""

from pacs.deidentify.copying import facts_of as facts_of
from pacs.deidentify.copying import write_copy as write_copy
from pacs.deidentify.profile import Policy as Policy
from pacs.deidentify.pseudonyms import Pseudonyms as Pseudonyms
from pacs.deidentify.screening import Facts as Facts
from pacs.deidentify.screening import Verdict as Verdict
from pacs.deidentify.screening import screened as screened
