//! `attributes['http.route']`: one way to read an attribute, whether it has a column of its own
//! (then that column, with its type) or lies in the JSON text of the rest (then its text).
//!
//! The same works on every column that holds JSON text: `input['orderId']`.

use crate::json;
use arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr,
};
use datafusion::logical_expr::sqlparser::ast::BinaryOperator;
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, cast};

/// Plans `text['name']`, and `attributes -> 'name'` for attributes that have a column.
#[derive(Debug)]
pub(crate) struct AttributePlanner;

impl ExprPlanner for AttributePlanner {
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let GetFieldAccess::NamedStructField { name } = &access.field_access else {
            return Ok(PlannerResult::Original(access));
        };
        let Some(Some(key)) = name.try_as_str() else {
            return Ok(PlannerResult::Original(access));
        };
        let expr = access.expr.clone().unalias();
        if !is_text(&expr, schema) {
            return Ok(PlannerResult::Original(access));
        }
        let title = format!("{}['{key}']", title(&access.expr));
        let value =
            promoted(&expr, key, schema).unwrap_or_else(|| json::text_at(expr, name.clone()));
        Ok(PlannerResult::Planned(value.alias(title)))
    }

    fn plan_binary_op(
        &self,
        operation: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let as_text = match operation.op {
            BinaryOperator::Arrow => false,
            BinaryOperator::LongArrow => true,
            _ => return Ok(PlannerResult::Original(operation)),
        };
        let Expr::Literal(key, _) = &operation.right else {
            return Ok(PlannerResult::Original(operation));
        };
        let left = operation.left.clone().unalias();
        if !is_text(&left, schema) {
            return Ok(PlannerResult::Original(operation));
        }
        let column = match key.try_as_str() {
            Some(Some(name)) => promoted(&left, name, schema),
            _ => None,
        };
        let value = match (column, as_text) {
            (Some(column), false) => column,
            (Some(column), true) => cast(column, DataType::Utf8View),
            (None, false) => json::json_at(left, key.clone()),
            (None, true) => json::text_at(left, key.clone()),
        };
        let arrow = if as_text { "->>" } else { "->" };
        let title = format!("{} {arrow} {}", title(&operation.left), shown(key));
        Ok(PlannerResult::Planned(value.alias(title)))
    }
}

/// The column that holds this attribute, if `expr` is a column of attributes and it was promoted.
fn promoted(expr: &Expr, key: &str, schema: &DFSchema) -> Option<Expr> {
    let Expr::Column(column) = expr else {
        return None;
    };
    if column.name() != "attributes" {
        return None;
    }
    let name = format!("{}{key}", store::tables::ATTRIBUTE_PREFIX);
    let promoted = Column::new(column.relation.clone(), name);
    schema
        .has_column(&promoted)
        .then_some(Expr::Column(promoted))
}

/// A key as it stands in the query.
fn shown(key: &ScalarValue) -> String {
    match key.try_as_str() {
        Some(Some(name)) => format!("'{name}'"),
        _ => key.to_string(),
    }
}

fn is_text(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(
        expr.get_type(schema),
        Ok(DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8)
    )
}

fn title(expr: &Expr) -> String {
    match expr {
        Expr::Column(column) => column.name().to_owned(),
        Expr::Alias(alias) => alias.name.clone(),
        other => other.schema_name().to_string(),
    }
}
