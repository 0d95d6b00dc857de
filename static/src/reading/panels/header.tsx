/** Who and what is being read. */
import { guestHome } from '../../common/api';
import { age, dicomDate, dicomTime } from '../../common/dicom-text';
import { study } from '../control/room';
import { reading, sexOf } from '../strings';
import { AskButton } from './ask';
import { Icon } from './icons';
import { ShareButton } from './share';
import { PageTools, Toolbar } from './toolbar';

export function Header() {
  const row = study.value;
  const who = row ? [age(row.PatientAge, row.PatientBirthDate, row.StudyDate), sexOf(row.PatientSex), row.PatientID] : [];
  const what = row ? [`${dicomDate(row.StudyDate)} ${dicomTime(row.StudyTime)}`.trim(), row.StudyDescription, row.hospital_name || row.InstitutionName] : [];
  return (
    <header class="top">
      <a class="tool back" href={guestHome() ?? '/'} aria-label={reading('back')} title={reading('back')} data-testid="back"><Icon name="back" /></a>
      <div class="patient" data-testid="patient">
        <div class="who"><strong>{row ? row.PatientName || reading('noName') : ' '}</strong><span>{who.filter(Boolean).join(' · ')}</span></div>
        <div class="what">{what.filter(Boolean).join(' · ') || ' '}</div>
      </div>
      <Toolbar><AskButton /><ShareButton /></Toolbar>
      <PageTools />
    </header>
  );
}
