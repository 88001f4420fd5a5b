// The page's YAML editor: CodeMirror 6 behind one function, so that nothing else knows CodeMirror.

import { EditorState } from "@codemirror/state";
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { yaml } from "@codemirror/lang-yaml";
import { classHighlighter } from "@lezer/highlight";

/**
 * @typedef {{line: number, column: number, endLine: number, endColumn: number}} Span
 *   Lines and columns count from 1; columns count characters.
 * @typedef {Span & {severity: "error" | "warning" | "info", message: string}} Problem
 * @typedef {{label: string, detail: string, info: string, insert: string}} Completion
 */

/**
 * Puts an editor into `parent`.
 *
 * @param {HTMLElement} parent
 * @param {object} options
 * @param {string} options.doc the first text
 * @param {string} options.label what a screen reader calls the editor
 * @param {Record<string, string>} options.phrases CodeMirror's own texts in another language
 * @param {(text: string) => void} options.onChange after every change of the text
 * @param {() => void} options.onApply on Ctrl+Enter or Cmd+Enter
 * @param {(text: string, offset: number) => Promise<{length: number, items: Completion[]} | undefined>} options.complete
 *   what can stand at `offset`; `length` characters before it are replaced
 */
export function create(parent, { doc, ...options }) {
  const view = new EditorView({ parent, state: EditorState.create({ doc, extensions: extensions(options) }) });
  return {
    replace: (text) => replace(view, text),
    show: (problems) => view.dispatch(setDiagnostics(view.state, problems.map((p) => diagnostic(view.state.doc, p)))),
    reveal: (line, column) => reveal(view, line, column),
    focus: (offset) => focus(view, offset),
    destroy: () => view.destroy(),
  };
}

function extensions({ label, phrases, onChange, onApply, complete }) {
  const apply = { key: "Mod-Enter", run: () => (onApply(), true), preventDefault: true };
  return [
    EditorState.phrases.of(phrases),
    lineNumbers(),
    foldGutter(),
    lintGutter(),
    highlightSpecialChars(),
    history(),
    drawSelection(),
    indentOnInput(),
    indentUnit.of("  "),
    EditorState.tabSize.of(2),
    bracketMatching(),
    closeBrackets(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    yaml(),
    syntaxHighlighting(classHighlighter),
    autocompletion({ override: [source(complete)], activateOnTyping: true, icons: false }),
    keymap.of([
      apply,
      ...closeBracketsKeymap,
      ...completionKeymap,
      ...defaultKeymap.filter((binding) => binding.key !== "Mod-Enter"),
      ...historyKeymap,
      ...foldKeymap,
      // Tab indents only where there is a selection or nothing but blanks before the cursor; elsewhere it leaves the editor.
      { key: "Tab", run: indentFromStart, shift: outdent },
    ]),
    EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", autocapitalize: "off" }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) onChange(update.state.doc.toString());
    }),
  ];
}

/** The text between the start of the line and the cursor, and whether anything is selected. */
function beforeCursor(state) {
  const { from, empty } = state.selection.main;
  return { text: state.sliceDoc(state.doc.lineAt(from).from, from), empty };
}

function indentFromStart(view) {
  const { text, empty } = beforeCursor(view.state);
  if (!empty) return indentMore(view);
  if (text.trim() !== "") return false;
  // YAML allows no tabs.
  view.dispatch(view.state.replaceSelection(view.state.facet(indentUnit)), { userEvent: "input", scrollIntoView: true });
  return true;
}

function outdent(view) {
  const { from } = view.state.selection.main;
  const { empty } = beforeCursor(view.state);
  return empty && !/^\s/.test(view.state.doc.lineAt(from).text) ? false : indentLess(view);
}

function source(complete) {
  return async (context) => {
    const word = context.matchBefore(/[\w./-]*/);
    if (!context.explicit && (!word || word.from === word.to)) return null;
    const found = await complete(context.state.doc.toString(), context.pos);
    if (!found || context.aborted || found.items.length === 0) return null;
    return {
      from: context.pos - found.length,
      options: found.items.map((item) => ({
        label: item.label,
        detail: item.detail,
        info: item.info ? () => documentation(item.info) : undefined,
        apply: item.insert,
      })),
      validFor: /^[\w./-]*$/,
    };
  };
}

function documentation(text) {
  const node = document.createElement("div");
  node.className = "completion-info";
  node.textContent = text;
  return node;
}

function replace(view, text) {
  if (text === view.state.doc.toString()) return;
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: 0 }, scrollIntoView: true });
}

function reveal(view, line, column) {
  const at = offset(view.state.doc, line, column);
  view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
  view.focus();
}

function focus(view, offset) {
  view.dispatch({ selection: { anchor: Math.min(offset, view.state.doc.length) } });
  view.focus();
}

function diagnostic(doc, { line, column, endLine, endColumn, severity, message }) {
  const from = offset(doc, line, column);
  const to = Math.max(from, offset(doc, endLine, endColumn));
  return { from, to: to === from ? Math.min(from + 1, doc.lineAt(from).to) : to, severity, message };
}

/** The offset of a line and a column that count from 1, kept within the text. */
function offset(doc, line, column) {
  const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
  const before = Array.from(at.text).slice(0, Math.max(column - 1, 0)).join("");
  return at.from + before.length;
}
