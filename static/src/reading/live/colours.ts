/** Ten colours that can be told apart on black; each member keeps theirs. */
export const COLOURS = ['#ffd54a', '#5ec8ff', '#ff8a65', '#8ee58a', '#d79bff', '#ff9ecb', '#4fe0c8', '#c6d65a', '#9fb4ff', '#e8b98a'] as const;

export const colourOf = (number: number): string => COLOURS[number % COLOURS.length] ?? COLOURS[0];
