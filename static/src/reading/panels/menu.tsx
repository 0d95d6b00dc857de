/** A button that opens a small menu; Escape, a choice and a click elsewhere close it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';

interface Props {
  label: string;
  button: ComponentChildren;
  test: string;
  align?: 'left' | 'right';
  children: (close: () => void) => ComponentChildren;
}

export function Menu({ label, button, test, align = 'left', children }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    const key = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') {
        event.stopPropagation();
        setOpen(false);
        root.current?.querySelector('button')?.focus();
        return;
      }
      const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const items = [...(root.current?.querySelectorAll<HTMLElement>('[role^="menuitem"]') ?? [])];
      const at = items.indexOf(document.activeElement as HTMLElement);
      items[(at + step + items.length) % items.length]?.focus();
    };
    window.addEventListener('pointerdown', outside, true);
    window.addEventListener('keydown', key, true);
    return () => {
      window.removeEventListener('pointerdown', outside, true);
      window.removeEventListener('keydown', key, true);
    };
  }, [open]);
  return (
    <div class="menu" ref={root}>
      <button class={`tool${open ? ' open' : ''}`} type="button" aria-label={label} title={label} aria-haspopup="menu" aria-expanded={open}
        data-testid={test} onClick={() => setOpen(!open)}>
        {button}
      </button>
      {open && <div class={`menu-list ${align}`} role="menu" aria-label={label}>{children(() => setOpen(false))}</div>}
    </div>
  );
}

interface ItemProps {
  label: string;
  hint?: string;
  icon?: ComponentChildren;
  checked?: boolean;
  test?: string;
  onSelect: () => void;
}

export function MenuItem({ label, hint = '', icon, checked, test, onSelect }: ItemProps) {
  return (
    <button type="button" class={`menu-item${checked ? ' checked' : ''}`} role={checked === undefined ? 'menuitem' : 'menuitemradio'}
      aria-checked={checked} data-testid={test} onClick={onSelect}>
      <span class="menu-icon">{icon}</span>
      <span class="menu-label">{label}</span>
      {hint && <kbd>{hint}</kbd>}
    </button>
  );
}
