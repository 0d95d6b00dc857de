"""The words all floors speak: frozen values that know nothing of SQL, JSON files, pydicom or the network."""
