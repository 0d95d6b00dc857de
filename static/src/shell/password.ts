/** The password rules the server has, as far as a browser can check them while somebody types. */
export const MINIMUM = 10;

export interface PasswordRules {
  length: boolean;
  notName: boolean;
  variety: boolean;
}

const EASY = /^(0123456789|1234567890|password|matkhau|qwerty|abc123|admin|benhvien|hoichan|123456)\w{0,6}$/;

export function rules(password: string, name: string, displayName = ''): PasswordRules {
  const plain = plainOf(password);
  const names = [plainOf(name), plainOf(name).repeat(2), plainOf(displayName)].filter(Boolean);
  return {
    length: [...password].length >= MINIMUM,
    notName: password !== '' && !names.includes(plain),
    variety: new Set(password).size >= 4 && !EASY.test(plain),
  };
}

export function good(checked: PasswordRules): boolean {
  return checked.length && checked.notName && checked.variety;
}

function plainOf(text: string): string {
  return text.normalize('NFC').toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}
