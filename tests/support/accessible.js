// Runs in a page: what wants a name or stands out too little (see accessible.py).
() => {
  const found = [];
  const seen = element => {
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    return box.width > 1 && box.height > 1 && style.visibility !== 'hidden' && !element.closest('[aria-hidden=true], [inert]');
  };
  const said = element => (element.getAttribute('aria-label') || element.title || element.textContent || '').trim()
    || [...element.querySelectorAll('img[alt], [aria-label]')].some(one => one.alt || one.getAttribute('aria-label'));
  const about = element => `${element.tagName.toLowerCase()}.${element.className || ''} ${(element.textContent || '').trim().slice(0, 40)}`;
  for (const control of document.querySelectorAll('button, a[href], [role=button], [role=tab]'))
    if (seen(control) && !said(control)) found.push(`no name: ${about(control)}`);
  for (const field of document.querySelectorAll('input:not([type=hidden], [type=file]), select, textarea'))
    if (seen(field) && !field.labels?.length && !field.getAttribute('aria-label') && !field.getAttribute('aria-labelledby'))
      found.push(`no label: ${field.tagName.toLowerCase()} ${field.dataset.testid || field.placeholder || ''}`);
  for (const picture of document.querySelectorAll('img:not([alt])')) found.push(`no alt: ${picture.src}`);
  if (!document.documentElement.lang) found.push('the page has no language');
  const ids = [...document.querySelectorAll('[id]')].map(one => one.id);
  for (const id of new Set(ids.filter((one, at) => ids.indexOf(one) !== at))) found.push(`twice: #${id}`);

  const parts = text => {
    const numbers = text.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
    return text.startsWith('color(') ? [...numbers.slice(0, 3).map(one => one * 255), numbers[3] ?? 1] : [...numbers.slice(0, 3), numbers[3] ?? 1];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((one, at) => one * a + under[at] * (1 - a));
  const behind = element => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.backgroundImage !== 'none') return null;
      const colour = parts(style.backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((under, layer) => over(layer, under), [19, 19, 19]);
  };
  const light = colour => {
    const [r, g, b] = colour.map(one => one / 255).map(one => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element || !seen(element) || element.closest('[disabled], .viewport, canvas, svg, option, :has(> input:disabled)')) continue;
    const style = getComputedStyle(element), under = behind(element);
    let opacity = 1, moving = false;
    for (let one = element; one; one = one.parentElement) {
      opacity *= Number(getComputedStyle(one).opacity);
      moving ||= one.getAnimations().length > 0; // on its way in or out
    }
    if (!under || opacity === 0 || moving) continue;
    const ink = parts(style.color);
    const [one, other] = [light(over([ink[0], ink[1], ink[2], ink[3] * opacity], under)), light(under)];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) faint.add(`faint (${contrast.toFixed(2)}): ${about(element)}`);
  }
  return [...found, ...faint];
}
