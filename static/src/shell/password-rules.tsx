import { Icon } from '../common/icons';
import { MINIMUM, type PasswordRules } from './password';
import { shell } from './strings';

/** The rules as a list that ticks itself off. */
export function RuleList({ checked, same }: { checked: PasswordRules; same?: boolean }) {
  const items: [string, boolean][] = [
    [shell('password.length', { count: MINIMUM }), checked.length],
    [shell('password.name'), checked.notName],
    [shell('password.variety'), checked.variety],
  ];
  if (same !== undefined) items.push([shell('password.same'), same]);
  return (
    <ul class="rules">
      {items.map(([text, done]) => (
        <li key={text} class={done ? 'rule rule-done' : 'rule'}>
          {done ? <Icon name="check" size={14} /> : <span class="rule-dot" />}
          {text}
        </li>
      ))}
    </ul>
  );
}
