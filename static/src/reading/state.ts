/** `window.hoichan.state()`: a summary for tests of whole journeys; nothing can be changed through it. */
import { active, cine, IDS_COUNT, idOf, layout, loaded, oneUp, overlays, panes, previewed, screen, stacks, theViewer, tool } from './control/room';
import { early } from './control/early';
import { mpr } from './control/mpr';
import { link } from './dicom/link';

declare global {
  interface Window {
    hoichan?: { readonly state: () => unknown };
  }
}

export function exposeState(): void {
  window.hoichan = Object.freeze({ state });
}

function state(): unknown {
  return {
    active: active.value,
    layout: layout.value,
    oneUp: oneUp.value,
    tool: tool.value,
    overlays: overlays.value,
    cine: cine.value,
    software: theViewer()?.software ?? null,
    cachedBytes: theViewer()?.cached ?? 0,
    viewports: Array.from({ length: IDS_COUNT }, (_, index) => viewport(index)),
    series: [...stacks.value.values()].map((stack) => ({
      SeriesInstanceUID: stack.series, order: stack.order, images: stack.frames.length,
      loaded: stack.frames.filter((frame) => loaded.has(frame.id)).length,
      previewed: stack.frames.filter((frame) => previewed.has(frame.id)).length, others: stack.others.length,
    })),
    link: { slow: link.slow, bitsPerSecond: link.rate },
    mpr: mpr.value && { SeriesInstanceUID: mpr.value.series, centre: mpr.value.planes.centre, axes: mpr.value.planes.axes, extent: mpr.value.planes.extent, active: mpr.value.active },
    annotations: theViewer()?.annotations() ?? [],
  };
}

function viewport(index: number): unknown {
  const { series, state: shown, view } = panes[index]?.value ?? { series: null, state: 'empty', view: null };
  const on = screen(index);
  return {
    id: idOf(index),
    series,
    state: shown,
    index: view?.index ?? null,
    count: view?.count ?? 0,
    SOPInstanceUID: view?.frame?.instance.uid ?? null,
    frame: view?.frame?.number ?? null,
    voi: view?.voi?.kind === 'window' ? { ...view.voi.window } : view?.voi ? { table: view.voi.table.data.length } : null,
    voiChosen: view?.chosen ?? false,
    voiName: view?.name ?? '',
    invert: view?.invert ?? false,
    zoom: view?.zoom ?? null,
    onScreen: view?.onScreen ?? null,
    origin: view?.origin ?? null,
    pixel: view?.pixel ?? null,
    ...(on && view?.picture ? on.presentation : {}),
    early: early.value?.pane === index,
    quality: view?.picture?.source ?? (view ? 'loading' : null),
    reason: view?.picture?.reason ?? '',
    transferSyntax: view?.picture?.transferSyntax ?? null,
    rows: view?.picture?.rows ?? null,
    columns: view?.picture?.columns ?? null,
    unit: view?.frame?.instance.valueUnit ?? '',
    waiting: view?.waiting ?? false,
    error: view?.error ? message(view.error) : null,
  };
}

function message(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : 'unknown';
}
