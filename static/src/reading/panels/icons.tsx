/** Line icons on a 24 grid, drawn for this program. */
import type { ComponentChildren } from 'preact';

const SHAPES = {
  consult: <path d="M4 5h11a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H9l-3.500 3v-3H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1ZM19 9h1a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-1v2.500L16 17h-4" />,
  back: <path d="M15 5l-7 7 7 7" />,
  window: <><circle cx="12" cy="12" r="8" /><path d="M12 4a8 8 0 0 1 0 16Z" fill="currentColor" stroke="none" /></>,
  presets: <><path d="M4 7h9M17 7h3M4 12h3M11 12h9M4 17h9M17 17h3" /><circle cx="15" cy="7" r="2" /><circle cx="9" cy="12" r="2" /><circle cx="15" cy="17" r="2" /></>,
  scroll: <><rect x="6" y="8" width="12" height="8" rx="1" /><path d="M8 5h8M8 19h8" /><path d="M12 10v4M10.5 12.7L12 14.2l1.5-1.5" /></>,
  pan: <path d="M12 3v18M3 12h18M12 3l-2.5 2.5M12 3l2.5 2.5M12 21l-2.5-2.5M12 21l2.5-2.5M3 12l2.5-2.5M3 12l2.5 2.5M21 12l-2.5-2.5M21 12l-2.5 2.5" />,
  zoom: <><circle cx="10.5" cy="10.5" r="6" /><path d="M15 15l5.5 5.5M8 10.5h5M10.5 8v5" /></>,
  length: <><path d="M4.5 19.5l15-15" /><path d="M2.5 17.5l4 4M17.5 2.5l4 4" /></>,
  angle: <><path d="M5 19L18 6M5 19h15" /><path d="M11.5 12.6A9 9 0 0 1 14 19" /></>,
  ellipse: <><ellipse cx="12" cy="12" rx="8.5" ry="6" /><circle cx="12" cy="12" r=".8" fill="currentColor" /></>,
  rectangle: <><rect x="4" y="6" width="16" height="12" /><circle cx="12" cy="12" r=".8" fill="currentColor" /></>,
  probe: <><circle cx="12" cy="12" r="3" /><path d="M12 3v4M12 17v4M3 12h4M17 12h4" /></>,
  arrow: <path d="M19 5L6 18M6 18v-7M6 18h7" />,
  key: <path d="M12 3.500l2.600 5.500 5.900.800-4.300 4.200 1 6-5.200-2.900-5.200 2.900 1-6-4.300-4.200 5.900-.800Z" />,
  side: <><rect x="3.500" y="4.500" width="17" height="15" rx="1.500" /><path d="M14 4.500v15M16.500 8h2M16.500 11h2" /></>,
  eye: <><path d="M2.500 12S6 6 12 6s9.500 6 9.500 6S18 18 12 18 2.500 12 2.500 12Z" /><circle cx="12" cy="12" r="2.500" /></>,
  eyeOff: <><path d="M2.500 12S6 6 12 6s9.500 6 9.500 6S18 18 12 18 2.500 12 2.500 12Z" /><path d="M4 20L20 4" /></>,
  turn: <><path d="M19 12a7 7 0 1 1-2.2-5.1" /><path d="M19 3.5V8h-4.500" /></>,
  rotateLeft: <><path d="M5 12a7 7 0 1 0 2.200-5.100" /><path d="M5 3.500V8h4.500" /></>,
  flipHorizontal: <><path d="M12 3v18" stroke-dasharray="2 2.500" /><path d="M9 7v10H3.500ZM15 7v10h5.500Z" /></>,
  flipVertical: <><path d="M3 12h18" stroke-dasharray="2 2.500" /><path d="M7 9h10V3.500ZM7 15h10v5.500Z" /></>,
  invert: <><rect x="4" y="4" width="16" height="16" rx="2" /><path d="M4 20L20 4v14a2 2 0 0 1-2 2Z" fill="currentColor" stroke="none" /></>,
  fit: <path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5M9 9h6v6H9Z" />,
  reset: <><path d="M4 5v5h5" /><path d="M4.600 10A8 8 0 1 1 4 13.500" /></>,
  play: <path d="M8 5.500v13l10.500-6.500Z" />,
  stop: <rect x="7" y="6" width="10" height="12" rx="1" />,
  undo: <><path d="M8 5L4 9l4 4" /><path d="M4 9h10a5.500 5.500 0 0 1 0 11h-4" /></>,
  trash: <path d="M5 7h14M10 4h4M7 7l1 13h8l1-13M10.500 10.500v6M13.500 10.500v6" />,
  overlays: <><rect x="3.500" y="4.500" width="17" height="15" rx="1.500" /><path d="M6.500 8h4M6.500 11h2.500M14 16h3.500" /></>,
  help: <><rect x="3" y="6" width="18" height="12" rx="2" /><path d="M7 10h.01M11 10h.01M15 10h.01M17.500 10h.01M8 14h8" /></>,
  fullScreen: <path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5" />,
  one: <rect x="4" y="5" width="16" height="14" rx="1" />,
  two: <><rect x="4" y="5" width="16" height="14" rx="1" /><path d="M12 5v14" /></>,
  planes: <><rect x="4" y="5" width="16" height="14" rx="1" /><path d="M13 5v14M13 12h7" /></>,
  four: <><rect x="4" y="5" width="16" height="14" rx="1" /><path d="M12 5v14M4 12h16" /></>,
  strip: <><rect x="4" y="4" width="16" height="16" rx="1.500" /><path d="M9.500 4v16" /></>,
  down: <path d="M7 10l5 5 5-5" />,
  document: <path d="M6 3h8l4 4v14H6ZM14 3v4h4M9 12h6M9 15.500h6" />,
  warning: <><path d="M12 4L21 20H3Z" /><path d="M12 10v4.500M12 17.300v.200" /></>,
  close: <path d="M6 6l12 12M18 6L6 18" />,
  people: <><circle cx="9" cy="8.500" r="3.500" /><path d="M2.500 20c.5-4 3-6 6.500-6s6 2 6.500 6M15.500 5.300a3.500 3.500 0 0 1 0 6.400M17.500 14.600c2.200.7 3.600 2.500 4 5.400" /></>,
  pointer: <path d="M6 3v15l4-3.700 2.600 6.200 2.700-1.100-2.600-6.200H18Z" />,
  target: <><circle cx="12" cy="12" r="7" /><circle cx="12" cy="12" r="1.500" fill="currentColor" /><path d="M12 2v3M12 19v3M2 12h3M19 12h3" /></>,
  hand: <path d="M8 12V5.500a1.500 1.500 0 0 1 3 0V11M11 11V4a1.500 1.500 0 0 1 3 0v7M14 11V5.500a1.500 1.500 0 0 1 3 0V15a6 6 0 0 1-6 6c-2.600 0-4-1.200-5.300-3.500L3.800 14a1.500 1.500 0 0 1 2.600-1.500L8 14.500" />,
  follow: <><path d="M2.500 12s3.500-6 9.500-6 9.500 6 9.500 6-3.500 6-9.500 6-9.500-6-9.500-6Z" /><circle cx="12" cy="12" r="2.500" /></>,
  present: <><rect x="3" y="4" width="18" height="12" rx="1" /><path d="M12 16v4M8 20h8M10 8.500v4l4-2Z" /></>,
  link: <path d="M10 14a4 4 0 0 0 6 .400l3-3a4 4 0 0 0-5.700-5.700l-1 1M14 10a4 4 0 0 0-6-.400l-3 3a4 4 0 0 0 5.700 5.700l1-1" />,
  leave: <><path d="M13 4H5v16h8" /><path d="M10 12h10M16.500 8.500L20 12l-3.500 3.500" /></>,
  send: <path d="M4 12l16-8-5 16-3.500-6.500ZM11.500 13.500L20 4" />,
  check: <path d="M5 12.500l4.500 4.500L19 7" />,
  mic: <><rect x="9" y="3" width="6" height="11" rx="3" /><path d="M5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3" /></>,
  micOff: <><path d="M9 9V6a3 3 0 0 1 6 0v5M5.500 11.500a6.500 6.500 0 0 0 10 5.400M18.500 11.500a6.500 6.500 0 0 1-.5 2.500M12 18v3M4 4l16 16" /></>,
  phone: <path d="M6 3.500h3l1.500 4.500-2 1.500a11 11 0 0 0 5.500 5.500l1.500-2 4.500 1.500v3a2 2 0 0 1-2.200 2A16 16 0 0 1 4 5.700 2 2 0 0 1 6 3.500Z" />,
  phoneOff: <><path d="M3 15v-2c5-5 13-5 18 0v2.500l-4.500.5-.8-3a12 12 0 0 0-7.400 0l-.8 3L3 15.500Z" /></>,
  record: <><circle cx="12" cy="12" r="8.500" /><circle cx="12" cy="12" r="4" fill="currentColor" stroke="none" /></>,
  sound: <><path d="M4 9.500v5h3.500L12 18.500v-13L7.500 9.500Z" /><path d="M15.500 9a4.200 4.200 0 0 1 0 6M18 6.500a7.800 7.800 0 0 1 0 11" /></>,
  soundOff: <><path d="M4 9.500v5h3.500L12 18.500v-13L7.500 9.500Z" /><path d="M16 9.500l5 5M21 9.500l-5 5" /></>,
  camera: <><rect x="3" y="7" width="12" height="10" rx="2" /><path d="M15 11l6-3v8l-6-3" /></>,
  minus: <path d="M6 12h12" />,
  plus: <path d="M6 12h12M12 6v12" />,
} satisfies Record<string, ComponentChildren>;

export type IconName = keyof typeof SHAPES;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.6"
      stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">
      {SHAPES[name]}
    </svg>
  );
}
