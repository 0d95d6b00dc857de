import { describe, expect, it } from 'vitest';
import { dates, narrowed, NO_FILTERS, queryOf, restore } from './model';

const now = new Date(2026, 2, 1, 23, 59);

describe('the date filter', () => {
  it('counts today among the days', () => {
    expect(dates({ ...NO_FILTERS, period: 'today' }, now)).toEqual({ from: '20260301', to: '20260301' });
    expect(dates({ ...NO_FILTERS, period: '3' }, now)).toEqual({ from: '20260227', to: undefined });
    expect(dates({ ...NO_FILTERS, period: '7' }, now).from).toBe('20260223');
    expect(dates(NO_FILTERS, now)).toEqual({});
  });

  it('takes a range from either end, half of one, and none', () => {
    const range = (from: string, to: string) => dates({ period: 'range', from, to }, now);
    expect(range('2026-01-05', '2026-01-09')).toEqual({ from: '20260105', to: '20260109' });
    expect(range('2026-01-09', '2026-01-05')).toEqual({ from: '20260105', to: '20260109' });
    expect(range('2026-01-09', '')).toEqual({ from: '20260109', to: undefined });
    expect(range('', 'x')).toEqual({ from: undefined, to: undefined });
  });
});

describe('the filters', () => {
  it('become the query of the server', () => {
    const query = queryOf({ ...NO_FILTERS, q: '  nguyen an ', modalities: ['CT', 'MR'], status: 'unread', hospital: 'main', period: 'today' }, now);
    expect(query).toEqual({ q: 'nguyen an', from: '20260301', to: '20260301', modality: 'CT,MR', status: 'unread', hospital: 'main', sort: '-received_at' });
  });

  it('say whether they narrow the list', () => {
    expect(narrowed(NO_FILTERS)).toBe(false);
    expect(narrowed({ ...NO_FILTERS, sort: 'patient_name', period: 'range' })).toBe(false);
    expect(narrowed({ ...NO_FILTERS, modalities: ['CT'] })).toBe(true);
  });

  it('survive a reload, and whatever else was kept there', () => {
    const filters = { ...NO_FILTERS, q: 'an', period: '7', modalities: ['US'] } as const;
    expect(restore(JSON.stringify(filters))).toEqual(filters);
    expect(restore('{"period":"x","modalities":[1,"CT"],"status":"?","sort":5,"q":7}')).toEqual({ ...NO_FILTERS, modalities: ['CT'] });
    expect(restore('not json')).toEqual(NO_FILTERS);
    expect(restore(null)).toEqual(NO_FILTERS);
  });
});
