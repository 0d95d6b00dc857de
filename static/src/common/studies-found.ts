/** Studies looked for while somebody types: those of the worklist that answer to the words. */
import { useEffect, useState } from 'preact/hooks';
import { get } from './api';
import { dicomDate } from './dicom-text';
import { explain } from './explain';

export interface FoundStudy {
  StudyInstanceUID: string;
  hospital: string;
  PatientName: string;
  PatientID: string;
  StudyDate: string;
  StudyDescription: string;
  modalities: string[];
}

const TYPED_MS = 300;

/** The latest `most` of them; without words the latest of all. `found` is null until there is an answer, and while nobody `looks`. */
export function useStudies(words: string, most: number, looks = true): { found: FoundStudy[] | null; problem: string } {
  const [found, setFound] = useState<FoundStudy[] | null>(null);
  const [problem, setProblem] = useState('');
  const wanted = words.trim();
  useEffect(() => {
    setProblem('');
    if (!looks) {
      setFound(null);
      return undefined;
    }
    const controller = new AbortController();
    const timer = setTimeout(() => {
      get<{ studies: FoundStudy[] }>('/api/worklist', { q: wanted || undefined, limit: most }, { signal: controller.signal }).then(
        ({ studies }) => setFound(studies),
        (error: unknown) => {
          if (controller.signal.aborted) return;
          setFound(null);
          setProblem(explain(error));
        },
      );
    }, TYPED_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [wanted, most, looks]);
  return { found, problem };
}

/** Modality, day and description in one line. */
export const studyLine = (one: FoundStudy): string =>
  [one.modalities.join('/'), dicomDate(one.StudyDate), one.StudyDescription].filter(Boolean).join(' · ');
