/** Words of the second factor. */
import { strings } from '../common/i18n';

export const factor = strings(
  {
    'title': 'Xác thực bước hai',
    'text': 'Mở ứng dụng xác thực trên điện thoại và nhập mã 6 số của Hội Chẩn.',
    'code': 'Mã xác thực',
    'recovery': 'Mất điện thoại? Nhập một mã dự phòng.',
    'back': 'Đăng nhập bằng tài khoản khác',
    'wrong': 'Mã không đúng hoặc đã được dùng.',
    'over': 'Phiên đã hết hạn. Hãy đăng nhập lại.',
    'enrol.title': 'Thiết lập xác thực hai bước',
    'enrol.text': 'Tài khoản này cần bước xác thực thứ hai. Quét mã bằng ứng dụng xác thực trên điện thoại, rồi nhập mã 6 số mà ứng dụng hiện ra.',
    'enrol.picture': 'Mã QR cho ứng dụng xác thực',
    'enrol.byHand': 'Không quét được? Nhập khóa này vào ứng dụng:',
    'enrol.submit': 'Bật xác thực hai bước',
    'codes.title': 'Mã dự phòng',
    'codes.text': 'Mỗi mã dùng được một lần khi mất điện thoại. Hãy in hoặc chép ra giấy và cất nơi an toàn: các mã này không hiện lại.',
    'codes.kept': 'Tôi đã cất các mã này',
  },
  {
    'title': 'Second step',
    'text': 'Open the authenticator app on your phone and enter its 6 digits for Hoi Chan.',
    'code': 'Code',
    'recovery': 'Phone lost? Enter a recovery code.',
    'back': 'Sign in with another account',
    'wrong': 'This code is wrong or was used.',
    'over': 'The session is over. Sign in again.',
    'enrol.title': 'Set up the second step',
    'enrol.text': 'This account needs a second step to sign in. Scan the picture with an authenticator app on your phone, then enter the 6 digits that it shows.',
    'enrol.picture': 'QR code for the authenticator app',
    'enrol.byHand': 'Cannot scan? Type this key into the app:',
    'enrol.submit': 'Turn on the second step',
    'codes.title': 'Recovery codes',
    'codes.text': 'Each one works once when your phone is lost. Print or write them down and keep them safe: they are not shown again.',
    'codes.kept': 'I have put them away',
  },
);
