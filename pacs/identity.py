"""Who we are to others: in File Meta Information (PS3.10 7.1) and when associations are negotiated (PS3.7 D.3.3.2).

The UID is made of a UUID (PS3.5 B.2)."""

IMPLEMENTATION_CLASS_UID = "2.25.181126358443829203735207129226170372517"
IMPLEMENTATION_VERSION_NAME = "HOICHAN"
