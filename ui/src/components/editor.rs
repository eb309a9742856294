//! The SQL editor: CodeMirror, loaded when it is needed; a plain text field until then, or if it
//! cannot be loaded.

use leptos::html::{Div, Textarea};
use leptos::prelude::*;
use model::api::{Problem, Schema};
use std::sync::Arc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

#[wasm_bindgen]
extern "C" {
    /// `boot.js`: imports the module.
    #[wasm_bindgen(js_name = inquestEditor, catch)]
    fn import_editor() -> Result<js_sys::Promise, JsValue>;

    type Module;
    #[wasm_bindgen(method, catch)]
    fn create(
        this: &Module,
        host: &web_sys::Element,
        text: &str,
        on_change: &JsValue,
        on_run: &JsValue,
    ) -> Result<Editor, JsValue>;

    type Editor;
    #[wasm_bindgen(method, js_name = setText)]
    fn set_text(this: &Editor, text: &str);
    #[wasm_bindgen(method, js_name = setSchema)]
    fn set_schema(this: &Editor, json: &str);
    #[wasm_bindgen(method, js_name = setError)]
    fn set_error(this: &Editor, line: Option<u32>, column: Option<u32>);
    #[wasm_bindgen(method)]
    fn focus(this: &Editor, from: u32, to: u32);
    #[wasm_bindgen(method)]
    fn destroy(this: &Editor);
}

/// Functions offered besides columns: those that people use on traces.
const FUNCTIONS: [&str; 32] = [
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "approx_percentile_cont",
    "approx_distinct",
    "median",
    "stddev",
    "array_agg",
    "first_value",
    "last_value",
    "row_number",
    "rank",
    "lag",
    "lead",
    "date_trunc",
    "date_bin",
    "date_part",
    "to_timestamp",
    "now",
    "coalesce",
    "nullif",
    "round",
    "abs",
    "lower",
    "upper",
    "length",
    "substr",
    "split_part",
    "regexp_match",
    "concat",
];

/// A running editor, with what its callbacks need to stay alive.
struct Running {
    editor: Editor,
    _change: Closure<dyn Fn(String)>,
    _run: Closure<dyn Fn()>,
}

/// The editor.
#[component]
pub fn SqlEditor(
    /// The query, both ways.
    text: RwSignal<String>,
    /// Tables to complete.
    #[prop(into)]
    schema: Signal<Option<Arc<Schema>>>,
    /// Where the query is wrong.
    #[prop(into)]
    problem: Signal<Option<Problem>>,
    /// Runs the query.
    run: Callback<()>,
) -> impl IntoView {
    let host = NodeRef::<Div>::new();
    let field = NodeRef::<Textarea>::new();
    let running = RwSignal::new_local(None::<Running>);
    Effect::new(move |_| {
        let Some(host) = host.get() else { return };
        spawn_local(async move {
            if let Ok(started) = start(&host, text, run).await {
                // Shown before the plain field goes: a hidden element takes no focus, and keys
                // that are typed in between would be lost.
                let _ = host.class_list().remove_1("hidden");
                if let Some((from, to)) = handed_over(field) {
                    started.editor.focus(from, to);
                }
                let _ = running.try_set(Some(started));
            }
        });
    });
    on_cleanup(move || {
        let _ = running.try_update(|running| {
            if let Some(running) = running.take() {
                running.editor.destroy();
            }
        });
    });
    Effect::new(move |_| {
        let text = text.get();
        running.with(|running| {
            if let Some(running) = running {
                running.editor.set_text(&text);
            }
        });
    });
    Effect::new(move |_| {
        let Some(schema) = schema.get() else { return };
        let json = serde_json::json!({"tables": schema.tables, "functions": FUNCTIONS});
        running.with(|running| {
            if let Some(running) = running {
                running.editor.set_schema(&json.to_string());
            }
        });
    });
    Effect::new(move |_| {
        let place = problem
            .get()
            .and_then(|p| Some((p.line?, p.column.unwrap_or(1))));
        let number = |n: u64| u32::try_from(n).ok();
        running.with(|running| {
            if let Some(running) = running {
                let line = place.and_then(|(line, _)| number(line));
                running
                    .editor
                    .set_error(line, place.and_then(|(_, column)| number(column)));
            }
        });
    });
    let plain = Memo::new(move |_| running.with(Option::is_none));
    view! {
        <div class="editor">
            <div class="code" node_ref=host class:hidden=move || plain.get()></div>
            <Show when=move || plain.get()>
                <textarea
                    node_ref=field
                    aria-label="SQL query"
                    spellcheck="false"
                    prop:value=move || text.get()
                    on:input=move |event| text.set(event_target_value(&event))
                    on:keydown=move |event| {
                        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                            event.prevent_default();
                            run.run(());
                        }
                    }
                ></textarea>
            </Show>
        </div>
    }
}

/// Where the caret of the plain field is, unless somebody is at another place of the page.
fn handed_over(field: NodeRef<Textarea>) -> Option<(u32, u32)> {
    let field = field.try_get_untracked()??;
    let active = document().active_element()?;
    if active.tag_name() != "BODY" && !active.is_same_node(Some(&field)) {
        return None;
    }
    let at = |place: Result<Option<u32>, JsValue>| place.ok().flatten().unwrap_or(0);
    Some((at(field.selection_start()), at(field.selection_end())))
}

async fn start(
    host: &web_sys::HtmlDivElement,
    text: RwSignal<String>,
    run: Callback<()>,
) -> Result<Running, JsValue> {
    let module: Module = JsFuture::from(import_editor()?).await?.unchecked_into();
    let change = Closure::<dyn Fn(String)>::new(move |next: String| {
        let _ = text.try_update(|text| {
            if *text != next {
                *text = next;
            }
        });
    });
    let on_run = Closure::<dyn Fn()>::new(move || run.run(()));
    let now = text.try_get_untracked().unwrap_or_default();
    let editor = module.create(host, &now, change.as_ref(), on_run.as_ref())?;
    Ok(Running {
        editor,
        _change: change,
        _run: on_run,
    })
}
