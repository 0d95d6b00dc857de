/** Addresses of a study at one hospital: a Study Instance UID alone may name studies of several (viewer/access/narrowing.py). */
export interface Named {
  StudyInstanceUID: string | null;
  /** The code of the hospital whose study it is; none for a copy. */
  hospital?: string | null;
}

/** What stands before a path that is meant for one hospital. */
export const at = (hospital: string | null | undefined): string => (hospital ? `/at/${hospital}` : '');

/** The page that shows the study. */
export const pageOf = ({ hospital, StudyInstanceUID }: Named): string => `${at(hospital)}/read/${StudyInstanceUID}`;

/** The study in the API. */
export const apiOf = ({ hospital, StudyInstanceUID }: Named): string => `${at(hospital)}/api/studies/${StudyInstanceUID}`;

/** The study at the DICOMweb door. */
export const webOf = ({ hospital, StudyInstanceUID }: Named): string => `${at(hospital)}/dicom-web/studies/${StudyInstanceUID}`;
