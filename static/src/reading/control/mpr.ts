/** Three planes through a series, in place of the viewports: what is open, and the code for it that comes when it is asked for. */
import { signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import type { Planes, Volume, Which } from '../mpr/geometry';
import type { Command } from './keyboard';
import { active, panes } from './room';

export interface Mpr {
  series: string;
  volume: Volume;
  planes: Planes;
  /** The plane that keys work on. */
  active: Which;
}

export const mpr = signal<Mpr | null>(null);
/** Why it was not opened, for a moment. */
export const mprRefused = signal(false);

interface Loaded {
  View: FunctionComponent;
  begin(series: string, planes?: Planes): boolean;
  end(): void;
  perform(command: Command): boolean;
}
export const mprCode = signal<Loaded | null>(null);

let loading: Promise<Loaded> | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Opens the planes of a series whose stack is here; false when its images do not make a volume. */
export async function openMpr(series: string, planes?: Planes): Promise<boolean> {
  loading ??= import('../mpr').then((module) => (mprCode.value = module));
  loading.catch(() => (loading = null));
  const opened = (await loading).begin(series, planes);
  clearTimeout(timer);
  mprRefused.value = !opened;
  if (!opened) timer = setTimeout(() => (mprRefused.value = false), 6000);
  return opened;
}

export const closeMpr = (): void => mprCode.peek()?.end();

export function toggleMpr(): void {
  const series = panes[active.value]?.value.series;
  if (mpr.value) closeMpr();
  else if (series) void openMpr(series).catch(() => undefined);
}
