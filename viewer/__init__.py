"""What people and browsers meet: DICOMweb, sign-in, worklist, reading room, administration. Only here is Flask."""
