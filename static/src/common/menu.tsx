/** Menus: one at a time, in a layer of its own, so that no scrolling box can cut it off. */
import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icons';

export interface MenuItem {
  id: string;
  text: ComponentChildren;
  icon?: IconName;
  mark?: ComponentChildren;
  checked?: boolean;
  separate?: boolean;
  onSelect: () => void;
}

interface Open {
  anchor: HTMLElement;
  label: string;
  head?: ComponentChildren;
  items: () => MenuItem[];
}

const open = signal<Open | null>(null);

export function openMenu(anchor: HTMLElement, label: string, items: () => MenuItem[], head?: ComponentChildren): void {
  open.value = open.value?.anchor === anchor ? null : { anchor, label, items, head };
}

export function closeMenu(refocus = false): void {
  if (refocus) open.value?.anchor.focus();
  open.value = null;
}

export function MenuLayer() {
  const current = open.value;
  return current ? <MenuBox key={current.label} {...current} /> : null;
}

function MenuBox({ anchor, label, head, items }: Open) {
  const ref = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const box = ref.current;
    if (!box) return;
    const from = anchor.getBoundingClientRect();
    const size = box.getBoundingClientRect();
    const left = Math.min(from.left, innerWidth - size.width - 8);
    const below = from.bottom + 4;
    const top = below + size.height > innerHeight - 8 ? Math.max(8, from.top - size.height - 4) : below;
    box.style.left = `${Math.max(8, left)}px`;
    box.style.top = `${top}px`;
    (box.querySelector<HTMLElement>('[aria-checked="true"]') ?? box.querySelector<HTMLElement>('button'))?.focus();
  }, [anchor]);
  useEffect(() => {
    const away = (event: Event): void => {
      if (!(event.target instanceof Node) || (!ref.current?.contains(event.target) && !anchor.contains(event.target))) closeMenu();
    };
    const shut = (): void => closeMenu();
    document.addEventListener('pointerdown', away, true);
    document.addEventListener('scroll', away, true);
    window.addEventListener('resize', shut);
    return () => {
      document.removeEventListener('pointerdown', away, true);
      document.removeEventListener('scroll', away, true);
      window.removeEventListener('resize', shut);
    };
  }, [anchor]);
  const onKeyDown = (event: KeyboardEvent): void => {
    const buttons = [...(ref.current?.querySelectorAll<HTMLElement>('button') ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLElement);
    const go = (index: number): void => buttons[(index + buttons.length) % buttons.length]?.focus();
    if (event.key === 'ArrowDown') go(at + 1);
    else if (event.key === 'ArrowUp') go(at - 1);
    else if (event.key === 'Home') go(0);
    else if (event.key === 'End') go(-1);
    else if (event.key === 'Escape' || event.key === 'Tab') closeMenu(true);
    else if (event.key !== 'Enter' && event.key !== ' ') return;
    if (event.key !== 'Enter' && event.key !== ' ') event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div ref={ref} class="menu" role="menu" aria-label={label} onKeyDown={onKeyDown}>
      {head && <div class="menu-head">{head}</div>}
      {items().map((item) => (
        <button
          key={item.id}
          type="button"
          role={item.checked === undefined ? 'menuitem' : 'menuitemradio'}
          aria-checked={item.checked}
          class={item.separate ? 'menu-item menu-item-separate' : 'menu-item'}
          data-testid={`menu-${item.id}`}
          onClick={() => {
            closeMenu(true);
            item.onSelect();
          }}
        >
          {item.mark ?? (item.icon && <Icon name={item.icon} />)}
          <span>{item.text}</span>
          {item.checked && <Icon name="check" />}
        </button>
      ))}
    </div>
  );
}
