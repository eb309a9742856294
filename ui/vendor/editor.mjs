// The SQL editor: CodeMirror 6 with completion of tables, columns and functions. Bundled by
// `ui/vendor/build.sh` into codemirror.js, which is committed.
import { EditorState, Compartment, Prec, StateEffect, StateField } from "@codemirror/state";
import { EditorView, keymap, drawSelection, highlightSpecialChars, lineNumbers, placeholder, Decoration, highlightActiveLine } from "@codemirror/view";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { autocompletion, completionKeymap, closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { syntaxHighlighting, HighlightStyle, bracketMatching, indentOnInput } from "@codemirror/language";
import { sql, PostgreSQL } from "@codemirror/lang-sql";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--code-keyword)", fontWeight: "600" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.typeName, tags.standard(tags.name)], color: "var(--code-type)" },
  { tag: tags.operator, color: "var(--text)" },
]);

const theme = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--field)", height: "100%", fontSize: "13px" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--text)", padding: "8px 0" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--muted)", border: "none" },
  ".cm-activeLine": { backgroundColor: "var(--hover)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--selection)" },
  ".cm-matchingBracket": { backgroundColor: "var(--selection)", outline: "none" },
  ".cm-placeholder": { color: "var(--muted)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", border: "1px solid var(--line)", borderRadius: "6px", boxShadow: "var(--shadow)", overflow: "hidden" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "16em" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px", color: "var(--text)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal", marginLeft: "1em" },
  "li[aria-selected] .cm-completionDetail": { color: "inherit" },
  ".cm-completionInfo": { padding: "6px 10px", maxWidth: "24em", color: "var(--text)" },
  ".cm-wrong": { textDecoration: "underline wavy var(--failed)", textUnderlineOffset: "3px", backgroundColor: "var(--failed-soft)" },
});

const setWrong = StateEffect.define();
const wrong = StateField.define({
  create: () => Decoration.none,
  update(marks, transaction) {
    marks = transaction.docChanged ? Decoration.none : marks.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (effect.is(setWrong)) {
        marks = effect.value ? Decoration.set([Decoration.mark({ class: "cm-wrong" }).range(effect.value.from, effect.value.to)]) : Decoration.none;
      }
    }
    return marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

// Typing over a selection: left to the browser, it would keep the style of what it replaces in an
// inline style, which the content security policy forbids (and reports).
function typeOver(event, view) {
  const { main, ranges } = view.state.selection;
  if (event.inputType !== "insertText" || event.isComposing || !event.data || main.empty || ranges.length > 1) return false;
  const insert = () => view.state.update(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  const handlers = view.state.facet(EditorView.inputHandler);
  if (!handlers.some((handle) => handle(view, main.from, main.to, event.data, insert))) view.dispatch(insert());
  event.preventDefault();
  return true;
}

// Words of a question, as people write it.
const COMMON = new Set(("select from where group by order having limit offset join left right inner outer full cross on using as and or not in is null like ilike between " +
  "case when then else end distinct union all except intersect exists with recursive asc desc nulls first last over partition rows range preceding following " +
  "unbounded current row filter within cast interval true false timestamp date extract explain analyze show describe values lateral unnest similar to").split(" "));

// The statement around a place: what lies between semicolons.
function statementAt(text, at) {
  const from = text.lastIndexOf(";", at - 1) + 1;
  const to = text.indexOf(";", at);
  return text.slice(from, to < 0 ? text.length : to);
}

// `tables`: [{name, comment, columns: [{name, data_type, comment}]}]; `functions`: names.
function language(tables, functions) {
  const schema = {};
  for (const table of tables) {
    schema[table.name] = {
      self: { label: table.name, type: "type", detail: "table", info: table.comment || undefined },
      children: table.columns.map((column) => ({
        label: column.name,
        apply: /^[a-z_][a-z0-9_]*$/.test(column.name) ? column.name : `"${column.name.replaceAll('"', '""')}"`,
        type: "property",
        detail: column.data_type,
        info: column.comment || undefined,
      })),
    };
  }
  const dialect = PostgreSQL;
  // Columns of the tables named in the statement, wherever they are typed; before any is named, of all tables, each name
  // once with the tables that have it.
  const anywhere = new Map();
  for (const table of tables) {
    for (const child of schema[table.name].children) {
      const known = anywhere.get(child.label);
      if (known) known.among.push(table.name);
      else anywhere.set(child.label, { ...child, among: [table.name] });
    }
  }
  const everyColumn = [...anywhere.values()].map(({ among, ...child }) => {
    const more = among.length > 3 ? `, ${among.length - 3} more` : "";
    return { ...child, detail: `${child.detail} · ${among.slice(0, 3).join(", ")}${more}`, boost: 20 };
  });
  const columns = (context) => {
    const word = context.matchBefore(/[\w]*/);
    if (!word || (word.from === word.to && !context.explicit)) return null;
    if (word.from > 0 && context.state.sliceDoc(word.from - 1, word.from) === ".") return null;
    const text = statementAt(context.state.doc.toString(), word.from).toLowerCase();
    const named = tables.filter((table) => new RegExp(`\\b${table.name}\\b`).test(text));
    const options = named.flatMap((table) => schema[table.name].children.map((child) => ({ ...child, boost: 40 })));
    if (!named.length) options.push(...everyColumn);
    for (const name of functions) options.push({ label: name, apply: `${name}(`, type: "function", detail: "function" });
    return { from: word.from, options, validFor: /^\w*$/ };
  };
  // PostgreSQL knows hundreds of words that nobody types in a question; they come after everything else.
  const keywordCompletion = (label, type) => ({ label, type, boost: COMMON.has(label.toLowerCase()) ? 10 : -99 });
  return [
    sql({ dialect, schema, upperCaseKeywords: true, keywordCompletion }),
    dialect.language.data.of({ autocomplete: columns }),
  ];
}

function offset(doc, line, column) {
  const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
  return Math.min(at.from + Math.max(column - 1, 0), at.to);
}

// Makes an editor in a shadow root: there, style sheets are adopted, which a strict content
// security policy allows.
export function create(host, text, onChange, onRun) {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  root.replaceChildren();
  const lang = new Compartment();
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: text,
      extensions: [
        Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => (onRun(), true) }])),
        EditorView.domEventHandlers({ beforeinput: typeOver }),
        lineNumbers(), highlightSpecialChars(), history(), drawSelection(), indentOnInput(),
        bracketMatching(), closeBrackets(), autocompletion({ maxRenderedOptions: 60 }), highlightActiveLine(),
        EditorView.lineWrapping, wrong, theme, syntaxHighlighting(colours),
        placeholder("SELECT …"),
        EditorView.contentAttributes.of({ "aria-label": "SQL query", "data-gramm": "false" }),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap]),
        lang.of(language([], [])),
        EditorView.updateListener.of((update) => { if (update.docChanged) onChange(update.state.doc.toString()); }),
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    setText(next) {
      if (next !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
    },
    setSchema(json) {
      const { tables, functions } = JSON.parse(json);
      view.dispatch({ effects: lang.reconfigure(language(tables, functions)) });
    },
    setError(line, column) {
      const from = line ? offset(view.state.doc, line, column || 1) : 0;
      let to = from;
      const text = view.state.doc.toString();
      while (to < text.length && /[\w."]/.test(text[to])) to++;
      if (to === from) to = Math.min(from + 1, text.length);
      const value = line && to > from ? { from, to } : null;
      view.dispatch({ effects: setWrong.of(value) });
      if (value) view.dispatch({ selection: { anchor: from }, scrollIntoView: true });
    },
    // The caret or selection is that of the plain field which the editor takes over from.
    focus(from, to) {
      const within = (at) => Math.min(at, view.state.doc.length);
      view.dispatch({ selection: { anchor: within(from), head: within(to) } });
      view.focus();
    },
    destroy: () => view.destroy(),
  };
}
