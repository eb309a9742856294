//! The result of a query: a table of any length that sorts.

use super::{Rows, icon};
use crate::browser::Preferences;
use crate::geometry::grid::{cell, order};
use leptos::prelude::*;
use model::api::Grid;
use std::sync::Arc;

/// How the rows are ordered: column, and descending.
pub type Order = Option<(usize, bool)>;

/// The table.
#[component]
pub fn ResultGrid(
    /// The result.
    grid: Arc<Grid>,
    /// The order, both ways.
    sort: RwSignal<Order>,
) -> impl IntoView {
    let grid = StoredValue::new(grid);
    let rows = Memo::new(move |_| {
        grid.with_value(|grid| match sort.get() {
            Some((column, descending)) => order(&grid.rows, column, descending),
            None => (0..grid.rows.len() as u32).collect(),
        })
    });
    let count = Memo::new(move |_| rows.with(Vec::len));
    let chosen = RwSignal::new(None::<(usize, usize)>);
    let columns = grid.with_value(|grid| grid.columns.len());
    let template = grid.with_value(|grid| template(grid));
    let width = format!(
        "{}px",
        grid.with_value(|grid| widths(grid).iter().sum::<usize>())
    );
    let narrow = Preferences::get().narrow;
    let row_height = Signal::derive(move || if narrow.get() { 32.0 } else { 27.0 });
    let slot = {
        let template = template.clone();
        move |index: Signal<usize>| {
            let cells = (0..columns).map(|column| {
                let text = Memo::new(move |_| {
                    let row = rows.with(|rows| rows.get(index.get()).copied())? as usize;
                    grid.with_value(|grid| {
                        let value = grid.rows.get(row)?.get(column)?;
                        Some((cell(value), value.is_null(), value.is_number()))
                    })
                });
                let get = move |pick: fn(&(String, bool, bool)) -> bool| {
                    move || text.with(|text| text.as_ref().is_some_and(pick))
                };
                view! {
                    <span
                        role="cell"
                        class:null=get(|cell| cell.1)
                        class:number=get(|cell| cell.2)
                        on:click=move |_| chosen.set(Some((index.get_untracked(), column)))
                    >
                        {move || text.with(|text| text.as_ref().map(|cell| short(&cell.0)))}
                    </span>
                }
            });
            view! {
                <div
                    class="row"
                    role="row"
                    class:active=move || chosen.get().is_some_and(|(row, _)| row == index.get())
                    aria-rowindex=move || (index.get() + 2).to_string()
                    style:grid-template-columns=template.clone()
                >
                    {cells.collect_view()}
                </div>
            }
        }
    };
    let heads = grid.with_value(|grid| {
        let heads = grid
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| head(at, column, sort));
        heads.collect_view()
    });
    let whole = move || {
        let (row, column) = chosen.get()?;
        let row = rows.with(|rows| rows.get(row).copied())? as usize;
        grid.with_value(|grid| {
            let name = grid.columns.get(column)?.name.clone();
            let text = cell(grid.rows.get(row)?.get(column)?);
            Some(view! {
                <div class="whole">
                    <b>{name}</b>
                    <super::JsonTree text=text />
                    <button class="plain" aria-label="Close" on:click=move |_| chosen.set(None)>
                        {icon("close")}
                    </button>
                </div>
            })
        })
    };
    view! {
        <div class="grid-frame">
            <div class="table grid" role="table" aria-label="Result">
                <div class="wide" style:min-width=width>
                    <div class="row head" role="row" style:grid-template-columns=template>
                        {heads}
                    </div>
                    <Rows count=count row_height=row_height row=slot attr:role="rowgroup" attr:tabindex="0" />
                </div>
            </div>
            {whole}
        </div>
    }
}

fn head(
    at: usize,
    column: &model::api::ColumnInfo,
    sort: RwSignal<Order>,
) -> impl IntoView + use<> {
    let direction = move || match sort.get() {
        Some((column, false)) if column == at => "ascending",
        Some((column, true)) if column == at => "descending",
        _ => "none",
    };
    let next = move |_| {
        sort.update(|sort| {
            *sort = match *sort {
                Some((column, false)) if column == at => Some((at, true)),
                Some((column, true)) if column == at => None,
                _ => Some((at, false)),
            }
        })
    };
    view! {
        <span role="columnheader" aria-sort=direction title=column.data_type.clone()>
            <button class="link" on:click=next>
                {column.name.clone()}
                <small>
                    {move || match direction() {
                        "ascending" => " ↑",
                        "descending" => " ↓",
                        _ => "",
                    }}
                </small>
            </button>
        </span>
    }
}

/// A cell shows the beginning of a long text: nobody reads 256 kB in a table.
fn short(text: &str) -> String {
    text.chars().take(300).collect()
}

/// Pixels for each column, by its longest text among the first rows.
fn widths(grid: &Grid) -> Vec<usize> {
    let longest = |column: usize| {
        let head = grid.columns[column].name.chars().count() + 2;
        let cells = grid.rows.iter().take(100).filter_map(|row| row.get(column));
        cells
            .map(|value| cell(value).chars().count())
            .max()
            .unwrap_or(0)
            .max(head)
    };
    (0..grid.columns.len())
        .map(|column| longest(column).clamp(6, 46) * 9 + 22)
        .collect()
}

fn template(grid: &Grid) -> String {
    let columns: Vec<String> = widths(grid)
        .iter()
        .map(|w| format!("minmax({w}px, {w}fr)"))
        .collect();
    columns.join(" ")
}
