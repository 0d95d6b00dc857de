/** Any failure as one sentence in the user's language. */
import { Problem } from './api';
import { common } from './strings';

export function explain(error: unknown): string {
  if (!(error instanceof Problem)) return common('serverError', { status: '–' });
  switch (error.status) {
    case 0: return common('unreachable');
    case 401: return common('signedOut');
    case 403: return common('forbidden');
    case 404: return common('notFound');
    case 413: return common('tooLarge');
    case 507: return common('storageFull');
    case 429:
    case 503: return common('busy');
    default:
      // What the server says about a 4xx is about this very request; it says it in English.
      return error.status < 500 && error.message ? common('rejected', { detail: error.message }) : common('serverError', { status: error.status });
  }
}
