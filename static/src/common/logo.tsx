import { common } from './strings';

/** The mark: two views that overlap, what both sides see is filled. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" class="mark-ground" />
      <g fill="none" stroke="currentColor" stroke-width="2.4">
        <circle cx="12.2" cy="16" r="6.6" />
        <circle cx="19.8" cy="16" r="6.6" />
      </g>
      <path d="M16 10.6a6.6 6.6 0 0 1 0 10.8 6.6 6.6 0 0 1 0-10.8Z" fill="currentColor" />
    </svg>
  );
}

export function Logo({ size = 24 }: { size?: number }) {
  return (
    <span class="logo">
      <Mark size={size} />
      <span class="logo-name">{common('product')}</span>
    </span>
  );
}
