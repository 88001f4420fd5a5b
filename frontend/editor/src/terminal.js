// The page's terminal: xterm.js behind one function, so that nothing else knows xterm.js.

import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import sheet from "@xterm/xterm/css/xterm.css";

/** Lines that are kept above the screen. */
const SCROLLBACK = 5000;
/** As many bytes may wait to be drawn; a program that prints faster than that loses the middle. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/**
 * Puts a terminal into `parent`.
 *
 * @param {HTMLElement} parent
 * @param {object} options
 * @param {string} options.label what a screen reader calls the place for keys
 * @param {string} options.skipped what is shown where output was left out
 * @param {(text: string) => void} options.onData keys and pasted text
 * @param {(columns: number, rows: number) => void} options.onResize a new size, in characters
 */
export function create(parent, { label, skipped, onData, onResize }) {
  const style = document.createElement("style");
  style.textContent = sheet;
  document.head.append(style);
  const terminal = new Terminal({
    cursorBlink: true,
    fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"),
    fontSize: 13,
    lineHeight: 1.25,
    minimumContrastRatio: 4.5,
    scrollback: SCROLLBACK,
    theme: theme(),
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(parent);
  terminal.textarea.setAttribute("aria-label", label);
  terminal.attachCustomKeyEventHandler((event) => isOurs(terminal, event));
  terminal.onData(onData);
  terminal.onResize(({ cols, rows }) => onResize(cols, rows));
  const unwatch = [watchSize(parent, fit), watchColours(() => (terminal.options.theme = theme()))];
  const write = writer(terminal, skipped);
  return {
    write,
    clear: () => terminal.reset(),
    columns: () => terminal.cols,
    rows: () => terminal.rows,
    text: () => terminal.getSelection() || everything(terminal),
    focus: () => terminal.focus(),
    destroy: () => {
      unwatch.forEach((stop) => stop());
      terminal.dispose();
      style.remove();
    },
  };
}

/** Whether a key is the terminal's; the rest is left to the browser. */
function isOurs(terminal, event) {
  const command = (event.ctrlKey || event.metaKey) && !event.altKey;
  // With something selected Ctrl+C copies; without, it ends the program. Nothing here reads a `^V`, so it pastes.
  if (command && event.code === "KeyC" && terminal.hasSelection()) return false;
  if (command && event.code === "KeyV") return false;
  // The way out for those who have no mouse: Tab belongs to the shell.
  if (event.key === "Tab" && event.shiftKey) return false;
  return true;
}

/** Writes bytes, and leaves out what comes faster than it can be drawn. */
function writer(terminal, skipped) {
  let waiting = 0;
  let isSkipping = false;
  return (bytes) => {
    if (waiting > MAX_WAITING_BYTES) {
      isSkipping = true;
      return;
    }
    waiting += bytes.length;
    terminal.write(bytes, () => {
      waiting -= bytes.length;
      if (waiting > 0 || !isSkipping) return;
      isSkipping = false;
      terminal.write(`\r\n\x1b[0;2m${skipped}\x1b[0m\r\n`);
    });
  };
}

/** All lines, those that were scrolled away too. */
function everything(terminal) {
  const buffer = terminal.buffer.active;
  let text = "";
  for (let number = 0; number < buffer.length; number += 1) {
    const line = buffer.getLine(number);
    text += (line.isWrapped || number === 0 ? "" : "\n") + line.translateToString(true);
  }
  return text.trimEnd() + "\n";
}

/** Fills the place as long as it is seen. */
function watchSize(parent, fit) {
  const adapt = () => {
    if (parent.clientWidth > 0 && parent.clientHeight > 0) fit.fit();
  };
  adapt();
  const observer = new ResizeObserver(adapt);
  observer.observe(parent);
  return () => observer.disconnect();
}

function watchColours(changed) {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    dark.removeEventListener("change", changed);
  };
}

/** The page's colours, as the style sheet has them now. */
function theme() {
  const styles = getComputedStyle(document.documentElement);
  const colour = (name) => styles.getPropertyValue(`--${name}`).trim();
  const text = colour("text");
  const [red, green, yellow, blue, cyan] = ["bad", "good", "warn", "calm", "accent"].map(colour);
  const magenta = colour("token-string");
  return {
    background: colour("sunken"),
    foreground: text,
    cursor: text,
    cursorAccent: colour("sunken"),
    selectionBackground: colour("accent-soft"),
    ...{ black: colour("muted"), red, green, yellow, blue, magenta, cyan, white: text },
    ...{ brightBlack: colour("muted"), brightRed: red, brightGreen: green, brightYellow: yellow },
    ...{ brightBlue: blue, brightMagenta: magenta, brightCyan: cyan, brightWhite: text },
  };
}
