//! Refuses queries whose plan would be far larger than their text.
//!
//! A `WITH` table is planned anew wherever it is named: twenty of them, each naming the one before
//! twice, make a plan of a million tables, and planning cannot be interrupted.

use crate::Error;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Query, Statement as Sql, Visit, Visitor, visit_relations};
use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
};

/// Tables that a plan may read, each as often as it is read.
const TABLES: u64 = 1_000;

/// Refuses the statement if its plan would read too many tables.
pub(crate) fn check(statement: &Statement) -> Result<(), Error> {
    match statement {
        Statement::Statement(sql) => check_sql(sql),
        Statement::Explain(explain) => check(&explain.statement),
        _ => Ok(()),
    }
}

fn check_sql(sql: &Sql) -> Result<(), Error> {
    let mut named = Named::default();
    let _ = sql.visit(&mut named);
    let mut sizes = HashMap::new();
    let total = relations(sql)
        .iter()
        .map(|name| named.size(name, &mut sizes, &mut HashSet::new()))
        .fold(0, u64::saturating_add);
    if total > TABLES {
        return Err(Error::sql(format!(
            "the query reads tables more than {TABLES} times once its WITH tables are put in; name them less often"
        )));
    }
    Ok(())
}

/// The `WITH` tables of a statement, wherever they stand, and the tables that each names. Tables of
/// the same name in different places are taken together, which only counts too many.
#[derive(Default)]
struct Named(HashMap<String, Vec<String>>);

impl Visitor for Named {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            let name = table.alias.name.value.to_lowercase();
            self.0
                .entry(name)
                .or_default()
                .extend(relations(&*table.query));
        }
        ControlFlow::Continue(())
    }
}

impl Named {
    /// How many tables are read where this one is named. A table that names itself is read once.
    fn size(
        &self,
        name: &str,
        sizes: &mut HashMap<String, u64>,
        inside: &mut HashSet<String>,
    ) -> u64 {
        if let Some(size) = sizes.get(name) {
            return *size;
        }
        let Some(parts) = self.0.get(name) else {
            return 1;
        };
        if !inside.insert(name.to_owned()) {
            return 1;
        }
        let size = parts
            .iter()
            .map(|part| self.size(part, sizes, inside))
            .fold(1, u64::saturating_add);
        inside.remove(name);
        sizes.insert(name.to_owned(), size);
        size
    }
}

/// Names of the tables that are read in it.
fn relations(part: &impl Visit) -> Vec<String> {
    let mut names = Vec::new();
    let _ = visit_relations(part, |name| {
        if let Some(last) = name.0.last() {
            names.push(last.to_string().trim_matches('"').to_lowercase());
        }
        ControlFlow::<()>::Continue(())
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;

    /// `count` tables, each of which names the one before `times` times.
    fn nested(count: usize, times: usize) -> String {
        let table = |n: usize| {
            let names = vec![format!("a{n}"); times].join(", ");
            format!("A{} as (select * from {names})", n + 1)
        };
        let tables: Vec<String> = (0..count).map(table).collect();
        format!("with {} select * from a{count}", tables.join(", "))
    }

    #[test]
    fn tables_are_counted_as_often_as_they_are_read() {
        let check = |text: &str, expect: bool| {
            let statement = parse(text, |error| Error::sql(error.to_string())).expect("it parses");
            assert_eq!(super::check(&statement).is_ok(), expect, "{text}");
        };
        check(&nested(5, 2), true);
        check(&nested(40, 1), true);
        check(&nested(40, 2), false);
        check(&format!("explain {}", nested(40, 2)), false);
        check(&format!("select * from ({}) x", nested(40, 2)), false);
        let recursive = "with recursive r as (select 1 n union all select n + 1 from r where n < 9) select * from r";
        check(recursive, true);
        check(
            "with a as (select * from b), b as (select * from a) select * from a, b",
            true,
        );
        check("select 1", true);
    }
}
