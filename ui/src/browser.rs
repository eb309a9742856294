//! What the pages need of the browser besides the DOM: clock, zone, storage, sizes, preferences.

use leptos::prelude::*;
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;

/// Now, nanoseconds since the epoch, by the browser's clock.
pub fn now() -> i64 {
    (js_sys::Date::now() * 1e6) as i64
}

/// Nanoseconds since the epoch of a date and time in ISO 8601, as the browser reads it; one without a zone is where the
/// browser is.
pub fn iso_time(text: &str) -> Option<i64> {
    let millis = js_sys::Date::parse(text);
    (millis.is_finite() && text.contains('-')).then_some((millis * 1e6) as i64)
}

/// Minutes east of UTC at a time, where the browser is.
fn local_offset(nanos: i64) -> i32 {
    let date = js_sys::Date::new(&JsValue::from_f64(nanos as f64 / 1e6));
    let offset = date.get_timezone_offset();
    if offset.is_finite() {
        -offset as i32
    } else {
        0
    }
}

/// A value kept in this browser.
pub fn stored(key: &str) -> Option<String> {
    let storage = window().local_storage().ok()??;
    storage.get_item(&format!("inquest.{key}")).ok()?
}

/// Keeps a value in this browser; a browser that forbids it forgets.
pub fn store(key: &str, value: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = storage.set_item(&format!("inquest.{key}"), value);
    }
}

/// What the user prefers; in the context of every page.
#[derive(Clone, Copy)]
pub struct Preferences {
    /// Times in UTC instead of the local zone.
    pub utc: RwSignal<bool>,
    /// `light`, `dark`, or empty for what the system says.
    pub theme: RwSignal<String>,
    /// Changes whenever colours change: canvases are drawn again.
    pub colours: RwSignal<u32>,
    /// A narrow screen, such as a phone's.
    pub narrow: RwSignal<bool>,
}

impl Preferences {
    /// Reads them and follows the system's changes.
    pub fn load() -> Self {
        let preferences = Preferences {
            utc: RwSignal::new(stored("utc").as_deref() == Some("1")),
            theme: RwSignal::new(stored("theme").unwrap_or_default()),
            colours: RwSignal::new(0),
            narrow: RwSignal::new(false),
        };
        follow("(max-width: 760px)", move |narrow| {
            preferences.narrow.set(narrow)
        });
        follow("(prefers-color-scheme: dark)", move |_| {
            preferences.colours.update(|n| *n += 1)
        });
        preferences
    }

    /// From the context.
    pub fn get() -> Self {
        use_context().expect("the app provides preferences to every page")
    }

    /// Minutes east of UTC to show a time in.
    pub fn offset(self, nanos: i64) -> i32 {
        if self.utc.get() {
            0
        } else {
            local_offset(nanos)
        }
    }

    /// What a field for a date and time holds for a moment: `2026-11-22T09:03:00`, in the zone that was chosen.
    pub fn to_field(self, nanos: i64) -> String {
        let shifted = nanos as f64 / 1e6 + f64::from(self.offset(nanos)) * 60_000.0;
        let date = js_sys::Date::new(&JsValue::from_f64(shifted));
        let text = date.to_iso_string().as_string().unwrap_or_default();
        text.chars().take(19).collect()
    }

    /// The moment of such a field.
    pub fn of_field(self, text: &str) -> Option<i64> {
        match self.utc.get_untracked() {
            true => iso_time(&format!("{text}Z")),
            false => iso_time(text),
        }
    }

    /// Light to dark and back; what the system says is the start.
    pub fn switch_theme(self) {
        let system_dark =
            media("(prefers-color-scheme: dark)").is_some_and(|query| query.matches());
        let dark = match self.theme.get_untracked().as_str() {
            "dark" => true,
            "light" => false,
            _ => system_dark,
        };
        let theme = if dark { "light" } else { "dark" };
        self.theme.set(theme.to_owned());
        store("theme", theme);
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-theme", theme);
        }
        self.colours.update(|n| *n += 1);
    }

    /// Between UTC and local time.
    pub fn switch_zone(self) {
        self.utc.update(|utc| *utc = !*utc);
        store("utc", if self.utc.get_untracked() { "1" } else { "0" });
    }
}

fn media(query: &str) -> Option<web_sys::MediaQueryList> {
    window().match_media(query).ok()?
}

/// Tells whether a media query matches, now and whenever that changes, as long as the app lives.
fn follow(query: &str, tell: impl Fn(bool) + 'static) {
    let Some(list) = media(query) else { return };
    tell(list.matches());
    let changed = Closure::<dyn Fn(web_sys::MediaQueryListEvent)>::new(
        move |event: web_sys::MediaQueryListEvent| tell(event.matches()),
    );
    list.set_onchange(Some(changed.as_ref().unchecked_ref()));
    changed.forget();
}

/// Calls back with the element's width and height now and whenever they change, until the owner of
/// the calling scope goes.
pub fn watch_size(element: &web_sys::Element, tell: impl Fn(f64, f64) + 'static) {
    let watched = element.clone();
    let changed = Closure::<dyn Fn()>::new(move || {
        tell(
            f64::from(watched.client_width()),
            f64::from(watched.client_height()),
        )
    });
    if let Ok(observer) = web_sys::ResizeObserver::new(changed.as_ref().unchecked_ref()) {
        observer.observe(element);
        let held = SendWrapper::new((observer, changed));
        on_cleanup(move || held.0.disconnect());
    }
}

/// True when a key press belongs to a field the user types in.
pub fn typing(event: &web_sys::KeyboardEvent) -> bool {
    let target = event.composed_path().get(0).dyn_into::<web_sys::Element>();
    target.is_ok_and(|element| {
        matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
            || element
                .closest("[contenteditable=true]")
                .ok()
                .flatten()
                .is_some()
    })
}

/// Keys of a page, as long as the calling scope lives. Keys in fields and with Ctrl, Alt or ⌘ are left
/// alone; when the handler answers true, the browser does nothing else.
pub fn on_keys(handle: impl Fn(&web_sys::KeyboardEvent) -> bool + 'static) {
    let listener = window_event_listener(leptos::ev::keydown, move |event| {
        let modified = event.ctrl_key() || event.alt_key() || event.meta_key();
        let dialog = document()
            .query_selector("dialog[open]")
            .ok()
            .flatten()
            .is_some();
        if !modified && !dialog && !typing(&event) && handle(&event) {
            event.prevent_default();
        }
    });
    on_cleanup(move || listener.remove());
}

/// Scrolls the part of the page that scrolls, if nothing in particular has the focus: the document itself does not.
pub fn scroll_page(key: &str) -> bool {
    let focused = document().active_element();
    if focused.is_some_and(|element| element.tag_name() != "BODY") {
        return false;
    }
    let Ok(Some(part)) = document().query_selector(".detail-body, .scroll-page") else {
        return false;
    };
    let height = part.client_height();
    if part.scroll_height() <= height + 1 {
        return false;
    }
    let page = (height - 40).max(40);
    part.set_scroll_top(match key {
        "Home" => 0,
        "End" => part.scroll_height(),
        "PageUp" => part.scroll_top() - page,
        _ => part.scroll_top() + page,
    });
    true
}

thread_local! {
    /// What measures texts.
    static PAPER: Option<web_sys::CanvasRenderingContext2d> = {
        let canvas = document().create_element("canvas").ok();
        let canvas = canvas.and_then(|it| it.dyn_into::<web_sys::HtmlCanvasElement>().ok());
        let context = canvas.and_then(|it| it.get_context("2d").ok().flatten());
        context.and_then(|it| it.dyn_into().ok())
    };
}

/// How wide a text is in the font of the page, pixels; a guess by its letters where nothing can measure.
pub fn text_width(text: &str, weight: u32, size: f64) -> f64 {
    let measured = PAPER.with(|paper| {
        let paper = paper.as_ref()?;
        let body = document().body()?;
        let family = computed(&body, "font-family");
        paper.set_font(&format!("{weight} {size}px {family}"));
        Some(paper.measure_text(text).ok()?.width())
    });
    measured.unwrap_or(text.chars().count() as f64 * size * 0.6)
}

/// Puts text on the clipboard.
pub fn copy(text: &str) {
    let _ = window().navigator().clipboard().write_text(text);
}

/// Lets the user save bytes as a file.
pub fn save(bytes: &[u8], name: &str) {
    let parts = js_sys::Array::of1(&js_sys::Uint8Array::from(bytes));
    let Ok(blob) = web_sys::Blob::new_with_u8_array_sequence(&parts) else {
        return;
    };
    let Ok(url) = web_sys::Url::create_object_url_with_blob(&blob) else {
        return;
    };
    if let Ok(link) = document().create_element("a") {
        let _ = link.set_attribute("href", &url);
        let _ = link.set_attribute("download", name);
        link.unchecked_ref::<web_sys::HtmlElement>().click();
    }
    set_timeout(
        move || {
            let _ = web_sys::Url::revoke_object_url(&url);
        },
        std::time::Duration::from_secs(10),
    );
}

/// A colour that the style sheet gave to an element, by the name of a computed property.
pub fn computed(element: &web_sys::Element, property: &str) -> String {
    let style = window().get_computed_style(element).ok().flatten();
    let value = style.and_then(|style| style.get_property_value(property).ok());
    value.unwrap_or_default()
}
