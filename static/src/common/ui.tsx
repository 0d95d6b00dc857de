/** The small parts that pages are made of. */
import { signal } from '@preact/signals';
import type { ComponentChildren, JSX, Ref } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Icon, type IconName } from './icons';
import { common } from './strings';

type ButtonProps = Omit<JSX.IntrinsicElements['button'], 'icon'> & {
  kind?: 'primary' | 'plain' | 'ghost' | 'danger';
  icon?: IconName;
  busy?: boolean;
  children?: ComponentChildren;
};

export function Button({ kind = 'plain', icon, busy, children, ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} class={`btn btn-${kind} ${(rest.class as string | undefined) ?? ''}`} disabled={Boolean(rest.disabled) || busy}>
      {busy ? <Spinner /> : icon && <Icon name={icon} />}
      {children !== undefined && <span>{children}</span>}
    </button>
  );
}

/** A button with an icon only; `label` names it. */
export function IconButton({ icon, label, ...rest }: Omit<JSX.IntrinsicElements['button'], 'icon'> & { icon: IconName; label: string }) {
  return (
    <button type="button" title={label} aria-label={label} {...rest} class={`icon-btn ${(rest.class as string | undefined) ?? ''}`}>
      <Icon name={icon} />
    </button>
  );
}

export function Spinner() {
  return <span class="spinner" role="presentation" />;
}

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  error?: string | null;
  children: (props: { id: string; 'aria-describedby': string | undefined; 'aria-invalid': boolean | undefined }) => ComponentChildren;
}

/** A labelled control with room for a hint or an error below. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const about = error || hint ? `${id}-about` : undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': about, 'aria-invalid': error ? true : undefined })}
      {error ? <p id={about} class="field-error" role="alert">{error}</p> : hint && <p id={about} class="field-hint">{hint}</p>}
    </div>
  );
}

/** A message in the page: what is wrong or worth knowing, with its mark. */
export function Notice({ kind, children, testid }: { kind: 'bad' | 'warn' | 'ok' | 'info'; children: ComponentChildren; testid?: string }) {
  const icon: IconName = kind === 'ok' ? 'check' : kind === 'info' ? 'info' : 'warning';
  return (
    <div class={`notice notice-${kind}`} role={kind === 'bad' ? 'alert' : 'status'} data-testid={testid}>
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  );
}

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  footer?: ComponentChildren;
  wide?: boolean;
  testid?: string;
}

/** A modal dialog; the browser keeps the focus inside and Esc closes it. */
export function Dialog({ title, onClose, children, footer, wide, testid }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    if (dialog && !dialog.open) {
      dialog.showModal();
      // To the first thing to fill in; where there is none, to the dialog itself, not to its close button.
      (dialog.querySelector<HTMLElement>('.dialog-body :is(input, textarea):not([hidden], [type="date"], :disabled)') ?? dialog).focus();
    }
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) giveBack(before);
    };
  }, []);
  return (
    <dialog
      ref={ref}
      class={wide ? 'dialog dialog-wide' : 'dialog'}
      aria-labelledby={id}
      tabIndex={-1}
      data-testid={testid}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => {
        if (event.target === ref.current) onClose();
      }}
    >
      <div class="dialog-box">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <IconButton icon="close" label={common('close')} onClick={onClose} />
        </header>
        <div class="dialog-body">{children}</div>
        {footer && <footer class="dialog-foot">{footer}</footer>}
      </div>
    </dialog>
  );
}

/** The focus goes back to where it was; when that was drawn anew meanwhile, to what stands in its place. */
function giveBack(before: HTMLElement): void {
  if (before.isConnected) before.focus();
  requestAnimationFrame(() => {
    const name = before.dataset['testid'];
    const again = before.isConnected || !name ? before : document.querySelector<HTMLElement>(`[data-testid="${CSS.escape(name)}"]`);
    if (document.activeElement === document.body) again?.focus();
  });
}

interface Toast {
  id: number;
  text: string;
  kind: 'ok' | 'bad';
}

const toasts = signal<Toast[]>([]);
let lastToast = 0;

/** Says something for a few seconds at the bottom of the page. */
export function toast(text: string, kind: Toast['kind'] = 'ok'): void {
  const id = ++lastToast;
  toasts.value = [...toasts.value.slice(-2), { id, text, kind }];
  setTimeout(() => (toasts.value = toasts.value.filter((one) => one.id !== id)), kind === 'bad' ? 8000 : 4000);
}

export function Toasts() {
  return (
    <div class="toasts" aria-live="polite" data-testid="toasts">
      {toasts.value.map((one) => (
        <div key={one.id} class={`toast toast-${one.kind}`}>
          <Icon name={one.kind === 'ok' ? 'check' : 'warning'} />
          <span>{one.text}</span>
        </div>
      ))}
    </div>
  );
}

/** Copies a text; works without the clipboard permission of insecure origins too. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'visually-hidden';
    document.body.append(area);
    area.select();
    // The only way on plain http inside a hospital network.
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

export function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    if (await copyText(text)) {
      setCopied(true);
      setTimeout(() => setCopied(false), 2000);
    }
  };
  return (
    <Button kind="plain" icon={copied ? 'check' : 'copy'} onClick={() => void copy()} aria-live="polite">
      {copied ? common('copied') : common('copy')}
    </Button>
  );
}

/** A line to take away: monospaced, with a copy button. */
export function CopyLine({ text, testid }: { text: string; testid?: string }) {
  return <div class="copy-line"><code data-testid={testid}>{text}</code><CopyButton text={text} /></div>;
}

interface SegmentedProps<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; text: string; testid?: string }[];
  onChange: (value: T) => void;
}

/** One of a few, all of them in sight. */
export function Segmented<T extends string>({ label, value, options, onChange }: SegmentedProps<T>) {
  return (
    <div class="segmented" role="group" aria-label={label}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          data-testid={option.testid}
          onClick={() => onChange(option.value)}
        >
          {option.text}
        </button>
      ))}
    </div>
  );
}

export function Progress({ done, total, label }: { done: number; total: number; label: string }) {
  return <progress class="progress" max={Math.max(total, 1)} value={done} aria-label={label} />;
}

/** Gives an input the focus when it appears. */
export function useAutofocus<T extends HTMLElement>(): Ref<T> {
  const ref = useRef<T>(null);
  useEffect(() => ref.current?.focus(), []);
  return ref;
}
