/** Whether the audit log is whole, as the worker last found it: sentences for the health page. */
import { dateTime, strings } from '../../common/i18n';

/** What is wrong, as facts; 0 where it tells of none. */
export interface Fault {
  kind: string;
  /** The first record concerned. */
  record: number;
  /** The number of the first anchor concerned. */
  anchor: number;
  /** The end of a range. */
  last: number;
  count: number;
}

export interface AuditHealth {
  state: 'whole' | 'new' | 'broken' | 'unvouched' | 'late';
  /** When the whole log was last checked, when it was last found whole, and since when it is not; UTC ms, 0 for never. */
  at?: number;
  whole?: number;
  since?: number;
  records?: number;
  anchors?: number;
  /** The last record that a signed anchor vouches for. */
  signed_to?: number;
  /** Number and record of the newest anchor that no fault touches. */
  fits?: [number, number] | [];
  faults?: Fault[];
  more?: number;
}

export const audited = strings(
  {
    'whole': 'Nguyên vẹn: {records} bản ghi, {anchors} mốc đối chiếu đã ký, mốc mới nhất đến bản ghi {signed}.',
    'new': 'Nhật ký mới bắt đầu; mốc đối chiếu đầu tiên được ký trong vòng mười phút.',
    'never': 'Chưa kiểm tra lần nào; hệ thống tự kiểm tra trong vòng một giờ.',
    'checked': 'Kiểm tra toàn bộ lúc {at}.',
    'broken': 'Nhật ký đã bị sửa, cắt hoặc không còn khớp với mốc đối chiếu. Phát hiện lúc {since}; {whole}',
    'broken.whole': 'lần cuối còn nguyên vẹn: {at}.',
    'broken.never': 'trước đó chưa lần nào được thấy nguyên vẹn.',
    'fits': 'Mốc cuối cùng còn khớp: số {anchor}, đến bản ghi {record}. Từ bản ghi sau đó trở đi không còn gì bảo đảm.',
    'fits.none': 'Không còn mốc nào khớp: không bản ghi nào được bảo đảm.',
    'more': 'Và {count} lỗi khác.',
    'broken.mend': 'Việc cần làm: giữ nguyên máy chủ, kho đối tượng và các bản sao lưu, đừng xóa mốc hay nhật ký; báo người phụ trách an toàn thông tin; chạy “hoichan audit verify” để xem đủ, rồi so với dòng “head” hoặc bản xuất nhật ký đã cất ở nơi khác.',
    'unvouched': 'Nhật ký tự khớp ({records} bản ghi) nhưng không có mốc đối chiếu nào được ký: có người đã lấy đi, hoặc hệ thống không ghi được mốc.',
    'unvouched.mend': 'Việc cần làm: xem nhật ký kỹ thuật của tiến trình xử lý việc nền và quyền ghi vào kho đối tượng; chạy “hoichan audit verify”.',
    'late': 'Đã quá lâu chưa kiểm tra lại: lần gần nhất lúc {at}, khi đó nguyên vẹn. Việc cần làm: xem tiến trình xử lý việc nền có chạy không và nhật ký kỹ thuật của nó.',
    'late.unvouched': 'Đã quá lâu chưa kiểm tra lại: lần gần nhất lúc {at}. Việc cần làm: xem tiến trình xử lý việc nền có chạy không và nhật ký kỹ thuật của nó.',
    'fault.forged': '{count} mốc, đầu tiên là của bản ghi {record}, không được ký bằng khóa của hệ thống này.',
    'fault.unsigned': '{count} mốc sau mốc ký đầu tiên, từ bản ghi {record}, không có chữ ký.',
    'fault.note': 'Ghi chú về mốc mới nhất đặt cạnh khóa bí mật (audit.anchored) không được ký bằng khóa đó.',
    'fault.missing': 'Thiếu mốc đã ký: từ số {anchor} đến số {last}.',
    'fault.twice': 'Bản ghi {record} đã được ghi mốc hai lần, khác nhau.',
    'fault.broken': 'Khi ghi mốc số {anchor} (bản ghi {record}), nhật ký không nối tiếp mốc trước đó.',
    'fault.cut': 'Nhật ký hết ở bản ghi {last}, nhưng đã có mốc của bản ghi {record}: phần cuối bị cắt.',
    'fault.garbage': 'Sau bản ghi {last} không phải là một bản ghi.',
    'fault.gap': 'Sau bản ghi {last} là bản ghi {record}: ở giữa bị mất.',
    'fault.unlinked': 'Bản ghi {record} không nối tiếp bản ghi trước đó.',
    'fault.altered': 'Bản ghi {record} đã bị sửa.',
    'fault.other': 'Bản ghi {record} không phải là bản ghi mà mốc đối chiếu đã ghi.',
  },
  {
    'whole': 'Whole: {records} {records|record|records}, {anchors} signed {anchors|anchor|anchors}, the newest up to record {signed}.',
    'new': 'The log has just begun; its first anchor is signed within ten minutes.',
    'never': 'Not checked yet; it is checked by itself within an hour.',
    'checked': 'All of it was checked at {at}.',
    'broken': 'The log was altered or cut, or does not fit its anchors any more. Found at {since}; {whole}',
    'broken.whole': 'last found whole: {at}.',
    'broken.never': 'it was never found whole before.',
    'fits': 'The last anchor that still fits: number {anchor}, up to record {record}. Nothing vouches for the records after it.',
    'fits.none': 'No anchor fits any more: nothing vouches for any record.',
    'more': 'And {count} more {count|fault|faults}.',
    'broken.mend': 'What to do: leave the server, the object store and the backups as they are, and delete no anchor and no record; tell whoever is responsible for information security; run “hoichan audit verify” to see everything, and compare it with the line “head”, or an export of the log, that is kept elsewhere.',
    'unvouched': 'The log fits itself ({records} {records|record|records}), but there is no signed anchor: somebody has taken them away, or they cannot be written.',
    'unvouched.mend': 'What to do: look at the technical log of the background worker, and whether it may write to the object store; run “hoichan audit verify”.',
    'late': 'It has not been checked for too long: last at {at}, when it was whole. What to do: see whether the background worker runs, and look at its technical log.',
    'late.unvouched': 'It has not been checked for too long: last at {at}. What to do: see whether the background worker runs, and look at its technical log.',
    'fault.forged': '{count} {count|anchor|anchors}, the first of record {record}, {count|was|were} not signed with the key of this installation.',
    'fault.unsigned': '{count} {count|anchor|anchors} after the first signed one, as of record {record}, {count|is|are} not signed.',
    'fault.note': 'What is noted beside the secret key about the newest anchor (audit.anchored) was not signed with that key.',
    'fault.missing': 'Signed anchors are missing: number {anchor} to {last}.',
    'fault.twice': 'Record {record} was written down twice, differently.',
    'fault.broken': 'When anchor number {anchor} (record {record}) was written, the log did not continue the anchor before it.',
    'fault.cut': 'The log ends with record {last}, but record {record} has an anchor: its end was cut off.',
    'fault.garbage': 'What follows record {last} is no record.',
    'fault.gap': 'Record {last} is followed by record {record}: what was between them is gone.',
    'fault.unlinked': 'Record {record} does not follow the one before it.',
    'fault.altered': 'Record {record} was altered.',
    'fault.other': 'Record {record} is not the one that its anchor names.',
  },
);

type FaultKey = keyof typeof audited.vi & `fault.${string}`;

const isKnown = (key: string): key is FaultKey => key in audited.vi;

function faultOf({ kind, record, anchor, last, count }: Fault): string {
  const key = `fault.${kind}`;
  return isKnown(key) ? audited(key, { record, anchor, last, count }) : kind;
}

/** How it stands, since when, which anchor, what to do, and when it was looked at. */
export function auditSentences(found: AuditHealth): string[] {
  const { state, at = 0, records = 0, anchors = 0, signed_to: signed = 0 } = found;
  if (!at) return [audited('never')];
  if (state === 'late') return [audited(found.whole === at ? 'late' : 'late.unvouched', { at: dateTime(at) })];
  const checked = audited('checked', { at: dateTime(at) });
  if (state === 'broken') return [...brokenOf(found), checked];
  if (state === 'unvouched') return [audited('unvouched', { records }), audited('unvouched.mend'), checked];
  return [`${state === 'new' ? audited('new') : audited('whole', { records, anchors, signed })} ${checked}`];
}

function brokenOf({ since = 0, whole = 0, fits = [], faults = [], more = 0 }: AuditHealth): string[] {
  const before = whole ? audited('broken.whole', { at: dateTime(whole) }) : audited('broken.never');
  const [anchor, record] = fits;
  return [
    audited('broken', { since: dateTime(since), whole: before }),
    ...faults.map(faultOf),
    ...(more ? [audited('more', { count: more })] : []),
    anchor && record ? audited('fits', { anchor, record }) : audited('fits.none'),
    audited('broken.mend'),
  ];
}
