/** What is written over a viewport: four corners, orientation letters, and how good the picture is. */
import { number } from '../../common/i18n';
import { age, dicomDate, dicomTime } from '../../common/dicom-text';
import { value } from '../control/readings';
import { theViewer, type Study } from '../control/room';
import type { Frame } from '../dicom/instance';
import { number as numberOf, text, texts } from '../dicom/json';
import { markers, orientationFromLetters } from '../dicom/orientation';
import { sliceLocation } from '../dicom/series';
import { syntaxName } from '../dicom/syntaxes';
import { undrawn, type Picture } from '../pixels/picture';
import { reading, sexOf } from '../strings';
import type { Cursor, View } from '../viewport';
import { presetLabel } from './labels';

export function Overlay({ view, study: open, cursor, software }: { view: View | null; study: Study | null; cursor: Cursor | null; software: boolean }) {
  const frame = view?.frame;
  if (!view || !frame) return null;
  const { dataset } = frame.instance;
  const study = frame.instance.study === open?.StudyInstanceUID ? open : null; // nobody's name stands on an image of another study
  const name = theViewer()?.nameOf(frame) || study?.PatientName || '';
  const who = [text(dataset, '00100020'), age(text(dataset, '00101010'), text(dataset, '00100030'), text(dataset, '00080020')), sexOf(text(dataset, '00100040'))];
  const letters = view.onScreen && markers(frame.orientation ?? lettersOf(frame), view.onScreen);
  const when = `${day(text(dataset, '00080022') || text(dataset, '00080020'))} ${dicomTime(text(dataset, '00080032') || text(dataset, '00080030'))}`.trim();
  return (
    <div class="overlay" aria-hidden="true" data-testid="overlay">
      <div class="corner tl">
        <span class="strong">{name}</span><span>{who.filter(Boolean).join(' · ')}</span>
        <span class="minor">{text(dataset, '00080080') || study?.hospital_name}</span>
      </div>
      <div class="corner tr">
        <span class="strong">{[numberOf(dataset, '00200011') === null ? '' : `S${numberOf(dataset, '00200011') ?? ''}`, text(dataset, '0008103E')].filter(Boolean).join(' · ')}</span>
        <span>{text(dataset, '00081030')}</span>
        <span class="minor">{when}</span>
        {sideOf(frame) && <span class="side">{sideOf(frame)}</span>}
      </div>
      <div class="corner bl">
        <span data-testid="readout">{windowText(view)}</span>
        <span>{reading('zoom')} {number(Math.round(view.zoom * 100))}%{software ? ` · ${reading('software')}` : ''}</span>
        {frame.spacingSource === 'none' && frame.instance.regions.length === 0 && <span class="minor caution">{reading('notCalibrated')}</span>}
        <span class="minor">{cursorText(cursor, frame, view.picture?.source === 'preview')}</span>
      </div>
      <div class="corner br">
        <span class="strong" data-testid="image-number">{reading('imageOf', { index: view.index + 1, count: view.count })}</span>
        <span>{placeText(frame)}</span>
        {frame.instance.frames > 1 && <span class="minor">{reading('frame')} {number(frame.number)}</span>}
      </div>
      {letters && <>
        <span class="letter top-letter">{letters.top}</span><span class="letter right-letter">{letters.right}</span>
        <span class="letter bottom-letter">{letters.bottom}</span><span class="letter left-letter">{letters.left}</span>
      </>}
    </div>
  );
}

/** What is no date is not shown: there is no room for it here. */
function day(date: string): string {
  const said = dicomDate(date);
  return said === date ? '' : said;
}

/** How good what is shown is: a shape and a word, not only a colour. */
export function Badge({ view }: { view: View | null }) {
  if (!view) return null;
  const { picture } = view;
  if (!picture) return view.error ? null : <span class="badge loading" data-testid="quality" data-quality="loading"><i>○</i>{reading('qualityLoading')}</span>;
  const syntax = syntaxName(picture.transferSyntax);
  const note = undrawn(picture.frame.instance.dataset) ? ` · ${reading('undrawnOverlay')}` : '';
  const [mark, word, tip] = qualityOf(picture, syntax);
  return (
    <span class={`badge ${picture.source}`} title={tip + note} aria-label={tip + note} data-testid="quality" data-quality={picture.source}>
      <i>{mark}</i>{word}{note && <i class="more">✎</i>}
    </span>
  );
}

function qualityOf(picture: Picture, syntax: string): [string, string, string] {
  if (picture.source === 'original') return ['●', reading('qualityOriginal'), reading('qualityOriginalTip', { syntax })];
  if (picture.source === 'server') return ['▣', reading('qualityServer'), reading('qualityServerTip', { syntax })];
  if (picture.source === 'preview' && picture.quality) {
    const { rmse, maxError, unit } = picture.quality;
    const error = (amount: number): string => `${number(amount, { maximumSignificantDigits: amount < 100 ? 2 : 3 })}${unit ? ` ${unit}` : ''}`;
    return ['◐', reading('qualityPreview', { error: error(rmse) }), reading('qualityPreviewTip', { syntax, error: error(rmse), most: error(maxError) })];
  }
  const ratio = Number(texts(picture.frame.instance.dataset, '00282112').at(-1) ?? NaN);
  const tip = Number.isFinite(ratio) && ratio > 1
    ? reading('qualityLossyRatio', { syntax, ratio: number(ratio, { maximumFractionDigits: 1 }) })
    : reading('qualityLossyTip', { syntax });
  return ['◐', reading('qualityLossy'), tip];
}

export function windowText(view: View): string {
  const { voi, picture } = view;
  if (!picture) return ' ';
  if (!picture.grid || !voi) return picture.source === 'server' ? reading('qualityServer') : reading('colour');
  const name = view.name ? ` · ${presetLabel(view.name)}` : '';
  if (voi.kind === 'table') return `${reading('lut')}${name}`;
  const { width, center, fn } = voi.window;
  return reading('windowOf', { width: windowValue(width), center: windowValue(center) }) + (fn === 'SIGMOID' ? ` ${reading('sigmoid')}` : '') + name;
}

/** Nobody sets a wide window to a tenth. */
function windowValue(amount: number): string {
  return value(Math.abs(amount) >= 20 ? Math.round(amount) : amount);
}

function placeText(frame: Frame): string {
  const place = sliceLocation(frame);
  const parts = [place === null ? '' : `${reading('position')} ${value(place)}`, frame.thickness === null ? '' : `${reading('thickness')} ${value(frame.thickness)} mm`];
  return parts.filter(Boolean).join(' · ');
}

/** Values of a preview are said to be near, not exact. */
function cursorText(cursor: Cursor | null, frame: Frame, preview: boolean): string {
  if (!cursor) return ' ';
  const at = `x ${cursor.x} y ${cursor.y}${preview && cursor.value !== null ? ' ≈' : ''}`;
  if (cursor.value === null) return at;
  if (typeof cursor.value === 'number') return `${at} · ${value(cursor.value)} ${frame.instance.valueUnit}`;
  return `${at} · RGB ${cursor.value.join(' ')}`;
}

function lettersOf(frame: Frame): number[] | null {
  const [row = '', column = ''] = texts(frame.instance.dataset, '00200020');
  return orientationFromLetters(row, column);
}

function sideOf(frame: Frame): string {
  const side = text(frame.instance.dataset, '00200062') || text(frame.instance.dataset, '00200060');
  return side === 'R' ? reading('right') : side === 'L' ? reading('left') : side === 'B' ? reading('both') : '';
}
