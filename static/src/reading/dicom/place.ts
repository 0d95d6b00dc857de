/** Which study is open: its UID, and what names its hospital before every address of it ("" where none is named). */
import { computed, signal } from '@preact/signals';
import { at, type Named } from '../../common/at';

const [, before = '', uid = ''] = /^(\/at\/[a-z0-9-]{1,32})?\/read\/([0-9.]+)/.exec(location.pathname) ?? [];

export const studyUid = signal(uid);
export const studyAt = signal(before);
/** Changes whenever another study is opened, also one of the same UID. */
export const studyPlace = computed(() => `${studyAt.value}/${studyUid.value}`);

export const isOpen = ({ StudyInstanceUID, hospital }: Named): boolean =>
  StudyInstanceUID === studyUid.value && (!hospital || !studyAt.value || at(hospital) === studyAt.value);

/** The DICOMweb door of the open study. */
export const root = (): string => `${studyAt.peek()}/dicom-web`;

/** By the UID of a study that is lent to this page: what stands before its addresses. */
export const elsewhere = new Map<string, string>();
