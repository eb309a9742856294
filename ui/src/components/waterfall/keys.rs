//! Keys of the waterfall; the help in `app.rs` lists them.

use super::Waterfall;
use crate::geometry::window::Window;
use leptos::prelude::*;

/// Does what a key says; false if the key says nothing here.
pub fn press(waterfall: Waterfall, event: &web_sys::KeyboardEvent) -> bool {
    let key = event.key();
    moves(waterfall, &key, event.shift_key()) || views(waterfall, &key)
}

fn moves(waterfall: Waterfall, key: &str, shift: bool) -> bool {
    let selected = waterfall.selected.get_untracked();
    let at = |act: fn(Waterfall, usize)| match selected {
        Some(row) => act(waterfall, row),
        None => waterfall.step(1),
    };
    match key {
        "j" | "ArrowDown" => waterfall.step(1),
        "k" | "ArrowUp" => waterfall.step(-1),
        "PageDown" => waterfall.step(20),
        "PageUp" => waterfall.step(-20),
        "Home" => waterfall.step(isize::MIN + 1),
        "End" => waterfall.step(isize::MAX),
        "ArrowRight" => at(Waterfall::inward),
        "ArrowLeft" => at(Waterfall::outward),
        "." => at(|waterfall, row| waterfall.sibling(row, true)),
        "," => at(|waterfall, row| waterfall.sibling(row, false)),
        "*" => at(Waterfall::unfold_below),
        "]" => waterfall.level(true),
        "[" => waterfall.level(false),
        "e" | "E" => waterfall.next_error(!shift),
        "n" | "N" => waterfall.next_hit(!shift),
        _ => return false,
    }
    true
}

fn views(waterfall: Waterfall, key: &str) -> bool {
    match key {
        "w" | "+" | "=" => waterfall.zoom(0.5, 0.7),
        "s" | "-" => waterfall.zoom(0.5, 1.0 / 0.7),
        "a" => waterfall.pan(-0.2),
        "d" => waterfall.pan(0.2),
        "0" => waterfall.window.set(Window::all(waterfall.total())),
        "f" | "F" => match waterfall.selected.get_untracked() {
            Some(row) => waterfall.fit(row),
            None => return false,
        },
        "Enter" => match waterfall.selected.get_untracked() {
            Some(_) => waterfall.open.set(true),
            None => return false,
        },
        "Escape" => waterfall.open.set(false),
        "/" => return crate::pages::executions::focus_search(),
        _ => return false,
    }
    true
}
