/** Why an object was set aside, in the language of the page. The server says it in English, with the facts. */
import { language } from '../../common/i18n';

const VIETNAMESE: readonly [RegExp, string][] = [
  [/^there is no (.+)$/, 'Thiếu $1'],
  [/^the (.+) is not a UID$/, '$1 không phải là UID'],
  [/^this is not a DICOM (dataset|file)$/, 'Không phải tệp DICOM'],
  [/^a DICOMDIR is only an index of other files$/, 'DICOMDIR chỉ là mục lục của các tệp khác'],
  [/^the same attributes and pixels in another encoding$/, 'Cùng thông tin và điểm ảnh, chỉ khác cách mã hóa'],
  [/^another content is stored under this SOP Instance UID$/, 'SOP Instance UID này đã có với nội dung khác'],
  [/^the dataset ends inside (.+)$/, 'Tệp bị cắt ngang tại $1'],
  [/^(.+) claims (\d+) bytes, (\d+) are left$/, '$1 khai $2 byte nhưng chỉ còn $3 byte'],
  [/^a frame of (\d+) bytes$/, 'Một khung hình khai $1 byte, vượt giới hạn'],
  [/^(\d+) frames of (\d+) bytes$/, '$1 khung hình, mỗi khung $2 byte, vượt giới hạn'],
  [/^more than .+$|^sequences nested more than .+$|^it grows to more than .+$|^a header of .+$/, 'Vượt giới hạn an toàn ($&)'],
  [/^reading the header took more than .+$/, 'Phần đầu quá phức tạp, đọc quá lâu ($&)'],
  [/^the deflated dataset .+$/, 'Không giải nén được dữ liệu ($&)'],
  [/ZIP/, 'Tệp ZIP không hợp lệ ($&)'],
  [/^(a sequence|an item|the fragments|the File Meta).+$/, 'Cấu trúc DICOM bị hỏng ($&)'],
];

export function reasonText(reason: string): string {
  if (language.value !== 'vi') return reason.charAt(0).toUpperCase() + reason.slice(1);
  const known = VIETNAMESE.find(([pattern]) => pattern.test(reason));
  if (!known) return reason;
  const [pattern, sentence] = known;
  return pattern.source === 'ZIP' ? sentence.replace('$&', reason) : reason.replace(pattern, sentence);
}
