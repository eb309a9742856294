//! Addresses without reloading: links, Back and Forward, and what page an address means.
//!
//! A handful of pages needs no router crate: this one is a tenth of the size of the download that
//! `leptos_router` is.

use crate::url::Address;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;

/// A page of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// `/`.
    Executions,
    /// `/x/…`: ARN or trace id.
    Execution(String),
    /// `/traces`.
    Traces,
    /// `/t/…`: trace id.
    Trace(String),
    /// `/mysteries`.
    Mysteries,
    /// `/cold-starts`.
    ColdStarts,
    /// `/compare`.
    Compare,
    /// `/sql`.
    Sql,
    /// `/slos`.
    Slos,
    /// `/slo/…`: name of an objective; empty for a new one.
    Slo(String),
    /// `/alerts`.
    Alerts,
    /// `/sources`.
    Sources,
    /// `/map`.
    Map,
    /// Anything else.
    Unknown,
}

impl Page {
    /// The page of a path.
    pub fn of(path: &str) -> Self {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let id = |text: &str| crate::url::unescape(text, false);
        match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => Page::Executions,
            (Some("x"), Some(part), None) => Page::Execution(id(part)),
            (Some("traces"), None, None) => Page::Traces,
            (Some("t"), Some(part), None) => Page::Trace(id(part)),
            (Some("mysteries"), None, None) => Page::Mysteries,
            (Some("cold-starts"), None, None) => Page::ColdStarts,
            (Some("compare"), None, None) => Page::Compare,
            (Some("sql"), None, None) => Page::Sql,
            (Some("slos"), None, None) => Page::Slos,
            (Some("slos"), Some("new"), None) => Page::Slo(String::new()),
            (Some("slo"), Some(part), None) => Page::Slo(id(part)),
            (Some("alerts"), None, None) => Page::Alerts,
            (Some("sources"), None, None) => Page::Sources,
            (Some("map"), None, None) => Page::Map,
            _ => Page::Unknown,
        }
    }
}

/// The address; in the context of every page.
#[derive(Clone, Copy)]
pub struct Router {
    address: RwSignal<Address>,
}

impl Router {
    /// Reads the address and follows links, Back and Forward.
    pub fn start() -> Self {
        let router = Router {
            address: RwSignal::new(here()),
        };
        let back = window_event_listener(leptos::ev::popstate, move |_| router.address.set(here()));
        let click = window_event_listener(leptos::ev::click, move |event| router.clicked(&event));
        on_cleanup(move || {
            back.remove();
            click.remove();
        });
        router
    }

    /// From the context.
    pub fn get() -> Self {
        use_context().expect("the app provides the router to every page")
    }

    /// Where the browser is, without the query.
    pub fn path(self) -> String {
        self.address.with(|address| address.path.clone())
    }

    /// A value of the query, followed.
    pub fn query(self, key: &str) -> Option<String> {
        self.address.with(|address| address.get(key))
    }

    /// A value of the query as it is now; `None` also after the application has gone.
    pub fn query_now(self, key: &str) -> Option<String> {
        self.address
            .try_with_untracked(|address| address.get(key))
            .flatten()
    }

    /// Goes to an address of the application; `replace` makes Back skip where it was.
    pub fn go(self, address: &str, replace: bool) {
        let next = Address::read(address);
        if self.address.with_untracked(|now| *now == next) {
            return;
        }
        if let Ok(history) = window().history() {
            let _ = match replace {
                true => history.replace_state_with_url(&JsValue::NULL, "", Some(address)),
                false => history.push_state_with_url(&JsValue::NULL, "", Some(address)),
            };
        }
        self.address.set(next);
    }

    /// A plain click on a link into the application needs no reload.
    fn clicked(self, event: &web_sys::MouseEvent) {
        let modified = event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key();
        if event.default_prevented() || event.button() != 0 || modified {
            return;
        }
        let target = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let link = target.and_then(|element| element.closest("a[href]").ok().flatten());
        let address = link
            .filter(|link| !link.has_attribute("download") && !link.has_attribute("target"))
            .and_then(|link| link.get_attribute("href"));
        if let Some(address) = address.filter(|address| address.starts_with('/')) {
            event.prevent_default();
            self.go(&address, false);
        }
    }
}

fn here() -> Address {
    let location = window().location();
    let path = location.pathname().unwrap_or_default();
    Address::read(&format!("{path}{}", location.search().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_pages() {
        let check = |path: &str, expect: Page| assert_eq!(Page::of(path), expect);
        check("/", Page::Executions);
        check("", Page::Executions);
        check("/x/arn%3Aaws%2Fa", Page::Execution("arn:aws/a".into()));
        check("/x", Page::Unknown);
        check("/t/00ff/", Page::Trace("00ff".into()));
        check("/traces", Page::Traces);
        check("/mysteries", Page::Mysteries);
        check("/compare/", Page::Compare);
        check("/cold-starts", Page::ColdStarts);
        check("/sql/more", Page::Unknown);
        check("/slos/new", Page::Slo(String::new()));
        check("/slo/orders%3Aeu", Page::Slo("orders:eu".into()));
        check("/map", Page::Map);
    }
}
