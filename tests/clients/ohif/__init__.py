"""OHIF, a viewer that knows nothing of us, on our DICOMweb root: ``python -m tests.clients.ohif``."""
