"""Walking a page by keyboard: Tab to a control, with the focus to be seen at every step."""

from typing import Any

from tests.support.browser import Watched

MOST = 120  # presses of Tab; more is no order anybody can use

_FOCUS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const seen = (node, part) => {
    const style = getComputedStyle(node, part);
    const ring = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
    return ring || (part && style.content !== 'none' && parseFloat(style.borderTopWidth) > 0);
  };
  const box = at.getBoundingClientRect();
  const here = [at, at.parentElement, at.closest('label')].filter(Boolean);
  return {
    testid: at.dataset.testid || '',
    seen: here.some((node) => seen(node) || seen(node, '::after')) && box.width > 0,
    what: at.outerHTML.slice(0, 160),
    dialog: at.closest('dialog') !== null,
  };
}"""


def focus(watched: Watched) -> Any:
    """The control that has the focus: its test id, whether that is seen, what it is; None for none."""
    return watched.page.evaluate(_FOCUS)


def tab_to(watched: Watched, testid: str) -> None:
    """Press Tab until this control has the focus; every one on the way shows that it has it."""
    way = []
    for _ in range(MOST):
        at = focus(watched)
        if at and at["testid"] == testid:
            return
        watched.page.keyboard.press("Tab")
        at = focus(watched)
        if at is not None:
            assert at["seen"], f"the focus is not to be seen on {at['what']}"
            way.append(at["testid"] or at["what"][:40])
    raise AssertionError(f"Tab does not come to {testid}: {way}")
